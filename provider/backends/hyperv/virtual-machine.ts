import type { Driver } from "../../core/driver.js";
import type { HypervHost } from "./host.js";
import { create } from "./machine/create.js";
import { effects } from "./machine/effects.js";
import { examine } from "./machine/examine.js";
import { limits } from "./machine/limits.js";
import { observe } from "./machine/observe.js";
import { remove } from "./machine/remove.js";
import type { Machine } from "./machine/types.js";
import { update } from "./machine/update.js";

/** Virtual machines; the id is that of Hyper-V. */
export const virtualMachine: Driver<Machine, HypervHost> = {
  support: {
    owner: true,
    adopt: true,
    name: true,
    description: true,
    tags: true,
    cpus: true,
    maxCpus: "not supported: processors of this host's machines are set while they are off: leave it out",
    memory: true,
    maxMemory: true,
    dynamicMemory: true,
    firmware: true,
    secureBoot: true,
    tpm: true,
    guest: true,
    acceleration: true,
    disks: true,
    cdrom: true,
    networks: true,
    cloudInit: true,
    powerState: true,
    autostart: true,
    shutdown: true,
    restartPolicy: true,
    allowSnapshotLoss: true,
    waitForAddress: true,
  },
  limits,
  effects,
  list: async (host) => (await host.view()).machines.map(({ id, name }) => ({ id, name, properties: {}, outputs: {} })),
  examine,
  observe,
  create: (host, wanted, step) => host.change(() => create(host, wanted, step)),
  update: (host, made, step) => host.change(() => update(host, made, step)),
  remove: (host, id, declared, step) => host.change(() => remove(host, id, declared, step)),
};
