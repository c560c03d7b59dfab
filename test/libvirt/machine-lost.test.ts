import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost as Connection, openHost } from "../../provider/backends/libvirt/host.js";
import { network } from "../../provider/backends/libvirt/network.js";
import { storagePool } from "../../provider/backends/libvirt/storage-pool.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { volume } from "../../provider/backends/libvirt/volume.js";
import { Engine } from "../../provider/core/engine.js";
import { kinds } from "../../provider/kinds/index.js";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { breaking } from "./breaking.js";
import { silent } from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`machines over a bad line${reason === undefined ? "" : ` (${reason})`}`, () => {
  let lab: LibvirtHost;
  let connection: Connection;
  const folder = () => join(lab.pools, "pool");
  const engines = () => ({
    pools: new Engine(kinds.StoragePool, storagePool, { name: "lab", connection }),
    networks: new Engine(kinds.Network, network, { name: "lab", connection }),
    volumes: new Engine(kinds.Volume, volume, { name: "lab", connection }),
    machines: new Engine(kinds.VirtualMachine, virtualMachine, { name: "lab", connection }),
  });
  beforeAll(async () => {
    lab = await startLibvirtd();
    connection = openHost({ uri: lab.uri });
    const { pools, networks, volumes } = engines();
    const owner = "a/b";
    await pools.create(pools.check({ owner, name: "pool", path: folder() }).inputs as never, silent());
    await networks.create(networks.check({ owner, name: "lan", cidr: "10.1.0.0/24" }).inputs as never, silent());
    const disk = { owner, name: "disk", pool: "pool", size: "1MiB" };
    await volumes.create(volumes.check(disk).inputs as never, silent());
  });
  afterAll(async () => {
    await connection?.close();
    await lab?.stop();
  });

  const declare = (more: object) =>
    engines().machines.check({
      owner: "a/b",
      name: "m",
      firmware: "bios",
      acceleration: "none",
      powerState: "stopped",
      disks: [{ volume: join(folder(), "disk") }],
      networks: [{ network: "lan" }],
      cloudInit: { userData: "#!/bin/true" },
      ...more,
    }).inputs as never;
  const left = async () => ({
    machines: (await lab.virsh("list", "--all", "--name")).trim(),
    seeds: (await readdir(folder())).filter((name) => name !== "disk"),
    addresses: (await lab.virsh("net-dumpxml", "lan")).match(/<host mac/g)?.length ?? 0,
  });

  it.each([
    ["network.update", "end"],
    ["network.update", "answer"],
    ["volume.delete", "end"],
    ["volume.delete", "answer"],
    ["domain.undefine", "end"],
  ] as const)(
    "that are deleted stay known at %s (%s) until their seed and address are gone",
    async (procedure, how) => {
      const { machines } = engines();
      const { id, inputs } = await machines.create(declare({}), silent());
      expect(await left()).toMatchObject({
        machines: "m",
        seeds: [expect.stringMatching(/^m-.*seed\.iso$/)],
        addresses: 1,
      });
      const mend = breaking(connection, procedure, how);
      const broken = await machines.remove(id, inputs, silent()).then(
        () => false,
        () => true,
      );
      mend();
      // A lost answer may be made up for by looking again.
      if (how === "end") expect(broken).toBe(true);
      if (broken) expect((await left()).machines).toBe("m");
      // A state that came from elsewhere may hold less than the declaration: the definition tells the rest.
      if (broken) await machines.remove(id, { owner: "a/b", name: "m" } as never, silent());
      expect(await left()).toEqual({ machines: "", seeds: [], addresses: 0 });
    },
  );

  it.each(["volume.delete", "network.update", "domain.define"])(
    "that lose an interface and get another seed lose the old seed and the address, too, after an end before %s",
    async (procedure) => {
      const { machines } = engines();
      const next = declare({ networks: [], cloudInit: { userData: "#!/bin/false" } });
      const { id, inputs } = await machines.create(declare({}), silent());
      const mend = breaking(connection, procedure, "end");
      await expect(machines.update(id, inputs, next, silent())).rejects.toThrow("the process has ended");
      mend();
      // A refresh that comes first takes over what it sees: it has to see that something is left to do.
      const seen = await machines.read(id, next);
      await machines.update(id, seen?.inputs ?? {}, next, silent());
      expect(await left()).toMatchObject({ machines: "m", seeds: [expect.any(String)], addresses: 0 });
      await machines.remove(id, next, silent());
      expect(await left()).toEqual({ machines: "", seeds: [], addresses: 0 });
    },
  );
});
