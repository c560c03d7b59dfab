import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import type { KindName } from "../../provider/kinds/index.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { createOn, engineOn, type Lab, type Made, openLab, silent, type Words } from "./lab.js";

describe.skipIf(hypervMissing() !== undefined)(withHyperv("requests for a host"), () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  }, 120_000);
  afterAll(() => lab?.close());

  /** Drivers on a connection of their own, which counts. */
  const connected = () => {
    const host = lab.connect();
    return {
      read: (kind: KindName, kept: Made) => engineOn(host, kind).read(kept.id, kept.inputs, kept.outputs),
      create: (kind: KindName, words: Words) => createOn(host, kind, words),
      remove: (kind: KindName, kept: Made) => engineOn(host, kind).remove(kept.id, kept.inputs, silent()),
    };
  };
  const counted = async (run: () => Promise<unknown>): Promise<Words> => {
    lab.counts.clear();
    await run();
    return Object.fromEntries(lab.counts);
  };

  test("a machine with disk, interface and seed: four beside the upload; a refresh of everything: one", async () => {
    const { create, remove } = connected();
    const pool = await create("StoragePool", { name: "p", path: "C:\\p" });
    const network = await create("Network", { name: "n", cidr: "10.5.0.0/24" });
    const disk = await create("Volume", { name: "d", pool: pool.id, size: "64MiB" });
    const words = {
      memory: "64MiB",
      disks: [{ volume: disk.outputs["path"] }],
      networks: [{ network: network.id }],
      cloudInit: { userData: "#!/bin/true\n" },
      shutdown: { timeout: 1 },
    };
    // What kind of host it is, is asked once.
    await create("Network", { name: "other", mode: "private" });
    const machines = [await create("VirtualMachine", { name: "first", ...words, disks: [] })];
    let made: Made | undefined;
    const calls = await counted(async () => {
      made = await create("VirtualMachine", { name: "web", ...words });
    });
    const upload = { "file.prepare": 1, "file.publish": 1 };
    expect(calls).toEqual({ "host.inventory": 1, "vm.create": 1, "vm.start": 1, "vm.get": 1, ...upload });
    if (made !== undefined) machines.push(made);

    const { read } = connected();
    const refresh = await counted(() =>
      Promise.all([
        read("StoragePool", pool),
        read("Network", network),
        read("Volume", disk),
        ...machines.map((machine) => read("VirtualMachine", machine)),
      ]),
    );
    expect(refresh).toEqual({ "host.inventory": 1 });
    for (const machine of machines)
      expect(await counted(() => remove("VirtualMachine", machine))).toEqual({
        "vm.get": 1,
        "vm.stop": 1,
        "vm.remove": 1,
      });
  }, 240_000);

  test("32 machines at once have addresses and MACs of their own, and all is left as it was", async () => {
    const { create, remove, read } = connected();
    const network = await create("Network", { name: "many", cidr: "10.6.0.0/26" });
    const words = { memory: "32MiB", networks: [{ network: network.id }], shutdown: { timeout: 1 } };
    const names = Array.from({ length: 32 }, (_, i) => `many-${i}`);
    const made = await Promise.all(names.map((name) => create("VirtualMachine", { name, ...words })));
    const of = (output: string) => made.map(({ outputs }) => Object.values(outputs[output] as object).flat()[0]);
    expect(new Set(of("addresses")).size).toBe(32);
    expect(new Set(of("macs")).size).toBe(32);
    await Promise.all(made.map((machine) => remove("VirtualMachine", machine)));
    await remove("Network", network);
    expect(await read("Network", network)).toBe(undefined);
  }, 480_000);

  test("two clients at once choose nothing twice, and of what both declare one gets it", async () => {
    const clients = [connected(), connected()] as const;
    const [first] = clients;
    // 13 addresses for guests: each choice meets the other client's.
    const network = await first.create("Network", { name: "tight", cidr: "10.7.0.0/28" });
    const seeds = lab.simulated.path("C:\\ProgramData\\Microsoft\\Windows\\Hyper-V\\Seeds");
    const present = async () => [await readdir(seeds).catch(() => []), (await hostInventory(lab.host.agent)).machines];
    const before = await present();
    const words = (more: Words = {}) => ({
      memory: "32MiB",
      networks: [{ network: network.id, ...more }],
      cloudInit: { userData: "#!/bin/true\n" },
      shutdown: { timeout: 1 },
    });
    const both = (write: (c: number) => Words) =>
      Promise.allSettled(clients.map(({ create }, c) => create("VirtualMachine", write(c))));

    const macs = await both((c) => ({ name: `mac-${c}`, ...words({ mac: "52:54:00:00:00:99" }) }));
    const names = await both((c) => ({ owner: `p/${c}`, name: "one", ...words() }));
    const addresses = await both((c) => ({ name: `address-${c}`, ...words({ address: "10.7.0.9" }) }));
    const pairs = [
      [macs, "networks[0].mac", /^"?52:54:00:00:00:99"? is the MAC of /],
      [names, "name", /^"one" is a virtual machine of the host already and belongs to somebody else/],
      [addresses, "networks[0].address", /^10.7.0.9 belongs to "address-[01]"$/],
    ] as const;
    const made = pairs.flatMap(([outcomes, property, fact]) => {
      const won = outcomes.flatMap((o) => (o.status === "fulfilled" ? [o.value] : []));
      const lost = outcomes.flatMap((o) => (o.status === "rejected" ? [o.reason] : []));
      expect([won.length, lost.length], property).toEqual([1, 1]);
      expect(lost[0]).toMatchObject({ fact: expect.stringMatching(fact), where: { property } });
      return won;
    });

    const many = clients.flatMap(({ create }, c) =>
      Array.from({ length: 3 }, (_, i) => create("VirtualMachine", { name: `tight-${c}-${i}`, ...words() })),
    );
    made.push(...(await Promise.all(many)));
    expect((await present()).map((list) => list.length)).toEqual(before.map((list) => list.length + 9));
    const of = (output: string) => made.map(({ outputs }) => Object.values(outputs[output] as object).flat()[0]);
    expect([new Set(of("addresses")).size, new Set(of("macs")).size]).toEqual([9, 9]);

    await Promise.all(made.map((machine) => first.remove("VirtualMachine", machine)));
    await first.remove("Network", network);
    expect(await present(), "nothing is left, first-boot data of those that lost neither").toEqual(before);
  }, 480_000);
});
