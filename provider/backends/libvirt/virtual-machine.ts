import type { Driver } from "../../core/driver.js";
import { formatLimits } from "./formats.js";
import type { LibvirtHost } from "./host.js";
import { listed } from "./inventory.js";
import { create } from "./vm/create.js";
import { effects } from "./vm/effects.js";
import { examine } from "./vm/examine.js";
import { observe } from "./vm/observe.js";
import { remove } from "./vm/remove.js";
import type { Machine } from "./vm/types.js";
import { update } from "./vm/update.js";

/** Virtual machines are libvirt domains; their id is the domain's UUID. */
export const virtualMachine: Driver<Machine, LibvirtHost> = {
  support: {
    owner: true,
    adopt: true,
    name: true,
    description: true,
    tags: true,
    cpus: true,
    maxCpus: true,
    memory: true,
    maxMemory: true,
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
  limits: ({ disks = [] }) =>
    disks.flatMap((disk: Partial<(typeof disks)[number]> | undefined, i) =>
      formatLimits(`disks[${i}].format`, disk?.format),
    ),
  effects,
  list: async ({ inventory }) => listed(await inventory.domains()),
  examine,
  observe,
  create,
  update,
  remove,
};
