import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drivers } from "../../provider/backends/hyperv/index.js";
import { Engine, type Kept } from "../../provider/core/engine.js";
import type { Kind } from "../../provider/core/kind.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { type Lab, openLab } from "./lab.js";

type Words = Readonly<Record<string, unknown>>;

describe.skipIf(hypervMissing() !== undefined)(withHyperv("requests for a host"), () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  }, 120_000);
  afterAll(() => lab?.close());

  /** Drivers on a connection of their own, which counts. */
  const connected = () => {
    const host = lab.connect();
    const step = { report: () => undefined, signal: new AbortController().signal };
    const engine = (kind: KindName) =>
      new Engine(kinds[kind] as Kind, drivers[kind] as never, { name: "hv", connection: host });
    const checked = (kind: KindName, words: Words) => engine(kind).check({ owner: "p/s", ...words }).inputs;
    return {
      read: (kind: KindName, kept: Kept<Kind>) => engine(kind).read(kept.id, kept.inputs, kept.outputs),
      create: (kind: KindName, words: Words) => engine(kind).create(checked(kind, words), step),
      remove: (kind: KindName, kept: Kept<Kind>) => engine(kind).remove(kept.id, kept.inputs, step),
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
    let made: Kept<Kind> | undefined;
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
  }, 120_000);

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
  }, 240_000);
});
