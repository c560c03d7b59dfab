import { beforeEach, describe, expect, test } from "vitest";
import type { OpenHost } from "../../core/engine.js";
import type { InputsOf, Kind } from "../../core/kind.js";
import type { KindName } from "../../kinds/index.js";
import { memoryBackend } from "./index.js";

type Words = Readonly<Record<string, unknown>>;
type Inputs = InputsOf<Kind>;

const step = { report: () => undefined, signal: new AbortController().signal };
let host: OpenHost;

const checked = (kind: KindName, words: Words): Inputs => {
  const { inputs, problems } = host.engine(kind).check({ owner: "project/stack", ...words });
  expect(problems).toEqual([]);
  return inputs as Inputs;
};
const make = (kind: KindName, words: Words) => host.engine(kind).create(checked(kind, words), step);

beforeEach(async () => {
  host = memoryBackend().host({ uri: "memory:" });
  await make("Network", {
    name: "lan",
    cidr: "10.0.0.0/24",
    dhcp: { range: { start: "10.0.0.4", end: "10.0.0.250" } },
  });
  await make("Network", { name: "open", cidr: "10.0.1.0/24", addressing: "none" });
  await make("Network", { name: "tiny", cidr: "10.0.2.0/30" });
  await make("StoragePool", { name: "fast", type: "logical", source: { name: "vg0" } });
  await make("Volume", { name: "root", size: "1GiB" });
  await make("Volume", { name: "shared", size: "1GiB" });
  await make("VirtualMachine", {
    name: "one",
    disks: [
      { name: "root", volume: "/memory/default/root" },
      { name: "shared", volume: "/memory/default/shared", readOnly: true },
    ],
    networks: [
      { network: "lan", mac: "52:54:00:00:00:01", address: "10.0.0.2" },
      { name: "tiny", network: "tiny" },
    ],
  });
});

describe("what the host objects to: one problem, said at preview and when it is carried out", () => {
  const nic = (words: Words) => ({ name: "two", networks: [{ network: "lan", ...words }] });
  const rows: readonly (readonly [KindName, Words, string, string])[] = [
    [
      "StoragePool",
      { name: "p", path: "/memory/default" },
      "path",
      '"/memory/default" is the directory of pool "default" already',
    ],
    [
      "StoragePool",
      { name: "p", type: "logical", source: { name: "vg0" } },
      "source.name",
      '"vg0" is the volume group of pool "fast" already',
    ],
    [
      "Volume",
      { name: "v", size: "1GiB", pool: "fast", format: "qcow2" },
      "format",
      "must be raw, without a base, in a pool of block devices",
    ],
    [
      "Volume",
      { name: "v", size: "1GiB", pool: "none" },
      "pool",
      '"none" is not a storage pool of the host: declare a StoragePool',
    ],
    ["Volume", { name: "v", base: "/none" }, "base", '"/none" is not a volume of the host: declare it as a Volume'],
    [
      "Volume",
      { name: "v", base: "/memory/default/root", size: "512MiB" },
      "size",
      "must be at least 1GiB, the size of base",
    ],
    [
      "Network",
      { name: "n", cidr: "10.0.0.128/25" },
      "cidr",
      'overlaps with 10.0.0.0/24 of network "lan": choose another one',
    ],
    ["VirtualMachine", { name: "two", memory: "2TiB" }, "memory", "must be at most 1TiB, which the host has, not 2TiB"],
    [
      "VirtualMachine",
      { name: "two", maxMemory: "2TiB" },
      "maxMemory",
      "must be at most 1TiB, which the host has, not 2TiB",
    ],
    ["VirtualMachine", { name: "two", maxCpus: 300 }, "maxCpus", "must be at most 256, which the host has, not 300"],
    [
      "VirtualMachine",
      { name: "two", disks: [{ volume: "/none" }] },
      "disks[0].volume",
      '"/none" is not a volume of the host: declare it as a Volume',
    ],
    [
      "VirtualMachine",
      { name: "two", disks: [{ volume: "/memory/default/root" }] },
      "disks[0].volume",
      '"/memory/default/root" is a disk of "one" already: two writers destroy it',
    ],
    [
      "VirtualMachine",
      nic({ network: "none" }),
      "networks[0].network",
      '"none" is not a network of the host: declare it as a Network',
    ],
    [
      "VirtualMachine",
      nic({ mac: "52:54:00:00:00:01" }),
      "networks[0].mac",
      '"52:54:00:00:00:01" is a MAC of "one" already',
    ],
    [
      "VirtualMachine",
      nic({ address: "10.9.0.5" }),
      "networks[0].address",
      'must be inside 10.0.0.0/24, not "10.9.0.5"',
    ],
    [
      "VirtualMachine",
      nic({ address: "10.0.0.2" }),
      "networks[0].address",
      '"10.0.0.2" is the address of "one" already',
    ],
    [
      "VirtualMachine",
      nic({ network: "open", address: "10.0.1.5" }),
      "networks[0].address",
      'must not be given: network "open" has no managed addressing',
    ],
    [
      "VirtualMachine",
      nic({ network: "tiny" }),
      "networks[0].network",
      '"tiny" has no address left in 10.0.2.0/30: widen it',
    ],
  ];

  test.each(rows)("%s %o at %s: %s", async (kind, words, path, reason) => {
    const wanted = checked(kind, words);
    expect(await host.engine(kind).examine(wanted)).toEqual([{ path, reason }]);
    const created = host.engine(kind).create(wanted, step);
    await expect(created).rejects.toMatchObject({ code: "invalid", fact: reason, where: { property: path } });
  });
});

test("two machines may read one volume", async () => {
  const disks = [{ volume: "/memory/default/shared", readOnly: true }];
  expect((await make("VirtualMachine", { name: "two", disks })).outputs["state"]).toBe("running");
});

test("addresses are allotted outside of the DHCP range and of what is taken", async () => {
  const address = async (name: string) =>
    (await make("VirtualMachine", { name, networks: [{ network: "lan" }] })).outputs["ipAddress"];
  const free = ["10.0.0.3", "10.0.0.251", "10.0.0.252", "10.0.0.253", "10.0.0.254"];
  const given = [];
  for (const name of ["a", "b", "c", "d", "e"]) given.push(await address(name));
  expect(new Set(given)).toEqual(new Set(free));
});

test("a network does not leave the addresses that machines have", async () => {
  const engine = host.engine("Network");
  const { id } = await make("Network", { name: "tiny", cidr: "10.0.2.0/30" });
  expect(await engine.examine(checked("Network", { name: "tiny", cidr: "10.0.3.0/24" }), id)).toEqual([
    { path: "cidr", reason: 'must hold 10.0.2.2, which "tiny" of "one" has' },
  ]);
});

test("an address counts only while the machine is up, and as its declaration waits for it", async () => {
  const networks = [{ network: "lan", address: "10.0.0.3" }, { network: "open" }];
  const up = await make("VirtualMachine", { name: "two", networks, waitForAddress: { cidr: "10.0.1.0/24" } });
  expect(up.outputs).toMatchObject({ addresses: { nic0: ["10.0.0.3"], nic1: [] } });
  expect(up.outputs).not.toHaveProperty("ipAddress");
  const wanted = checked("VirtualMachine", { name: "two", networks, powerState: "stopped" });
  const down = await host.engine("VirtualMachine").update(up.id, up.inputs, wanted, step);
  expect(down.outputs).toMatchObject({ state: "stopped", addresses: { nic0: [], nic1: [] } });
  expect(down.outputs).not.toHaveProperty("instance");
});

test("what an earlier attempt made otherwise than in place is not overwritten", async () => {
  const wanted = checked("Volume", { name: "root", size: "1GiB", format: "raw" });
  await expect(host.engine("Volume").create(wanted, step)).rejects.toMatchObject({
    code: "exists",
    fact: "it is on the host already, with another format",
  });
});

test("volumes of a volume group are its devices", async () => {
  const { outputs } = await make("Volume", { name: "v", size: "1GiB", pool: "fast", format: "raw" });
  expect(outputs["path"]).toBe("/dev/vg0/v");
});
