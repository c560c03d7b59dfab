import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { uuidOf } from "../../provider/backends/libvirt/identity.js";
import { markOf } from "../../provider/backends/libvirt/mark.js";
import type { KindName } from "../../provider/kinds/index.js";
import { type LibvirtHost as Lab, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { everything, foreign, type Party, party, refused, type Words } from "./lab.js";
import { furnish, MAC } from "./world.js";

const reason = requirements();

const BASE: Readonly<Record<KindName, Words>> = {
  StoragePool: { name: "mine", path: "POOLS/mine" },
  Volume: { name: "mine", pool: "theirs", size: "1MiB" },
  Network: { name: "mine", cidr: "10.91.0.0/24" },
  VirtualMachine: { name: "mine", firmware: "bios", memory: "32MiB", acceleration: "none", powerState: "stopped" },
};

/** What is declared, the property that is named, and what is said. */
type Row = readonly [what: string, kind: KindName, words: Words, path: string, said: RegExp];

const nic = (more: Words) => ({ networks: [{ network: "theirs", ...more }] });
const disk = (name: string) => ({ disks: [{ volume: `POOLS/theirs/${name}.qcow2` }] });

/** The daemon refuses the definition of such a pool as a whole, so a creation asks nothing before it. */
const POOLS: readonly Row[] = [
  ["a foreign pool of the name", "StoragePool", { name: "theirs" }, "name", /storage pool/],
  ["a foreign pool of the path", "StoragePool", { path: "POOLS/theirs" }, "path", /the storage pool "theirs"/],
  ["a stopped pool of the path", "StoragePool", { path: "POOLS/asleep" }, "path", /the storage pool "asleep"/],
  ["another stack's pool", "StoragePool", { name: "others", path: "POOLS/mine" }, "name", /storage pool/],
  ["another stack's pool of the path", "StoragePool", { path: "POOLS/others" }, "path", /the storage pool "others"/],
];

const ROWS: readonly Row[] = [
  ["a foreign volume of the name", "Volume", { name: "theirs.qcow2" }, "name", /is not ours/],
  ["a foreign file that libvirt does not list", "Volume", { name: "unlisted.qcow2" }, "name", /is not ours/],
  ["another stack's volume", "Volume", { name: "vol", pool: "others" }, "name", /is not ours|somebody else/],
  ["a foreign network of the name", "Network", { name: "theirs" }, "name", /somebody else/],
  ["another stack's network", "Network", { name: "others" }, "name", /somebody else/],
  [
    "a cidr of another network",
    "Network",
    { cidr: "10.90.0.128/25" },
    "cidr",
    /10\.90\.0\.0\/24 of the network "theirs"/,
  ],
  ["a cidr around another network", "Network", { cidr: "10.0.0.0/8" }, "cidr", /of the network "(theirs|others)"/],
  ["a bridge of another network", "Network", { bridge: "virtheirs" }, "bridge", /of the network "theirs"/],
  ["a foreign machine of the name", "VirtualMachine", { name: "theirs" }, "name", /somebody else/],
  ["another stack's machine", "VirtualMachine", { name: "others" }, "name", /somebody else/],
  ["a MAC of a foreign machine", "VirtualMachine", nic({ mac: MAC }), "networks[0].mac", /virtual machine "theirs"/],
  ["a disk of a machine that runs", "VirtualMachine", disk("running"), "disks[0].volume", /virtual machine "running"/],
  ["a disk of a stopped machine", "VirtualMachine", disk("stopped"), "disks[0].volume", /virtual machine "theirs"/],
  [
    "another machine's address",
    "VirtualMachine",
    { networks: [{ network: "others", address: "10.93.0.9" }] },
    "networks[0].address",
    /10\.93\.0\.9.* belongs to "?others/,
  ],
  [
    "another machine's MAC on a managed network",
    "VirtualMachine",
    { networks: [{ network: "others", mac: "52:54:00:00:00:09" }] },
    "networks[0].mac",
    /virtual machine "others"/,
  ],
];

/** What only the attempt shows. Nothing may stay of it. */
const HOST: readonly Row[] = [
  ["a cidr of the host's own interface", "Network", { cidr: "10.92.0.0/24" }, "cidr", /in use by interface/],
  ["a bridge of the host's own", "Network", { bridge: "hostbr" }, "bridge", /hostbr/],
];

describe.skipIf(reason !== undefined)(`what is not ours${reason === undefined ? "" : ` (${reason})`}`, () => {
  let lab: Lab;
  let other: Party;
  const parties: Party[] = [];
  const mine = (): Party => {
    const made = party(lab.uri, "p/s/mine");
    parties.push(made);
    return made;
  };
  const real = (kind: KindName, words: Words): Words =>
    JSON.parse(JSON.stringify({ ...BASE[kind], ...words }).replaceAll("POOLS", lab.pools)) as Words;
  beforeAll(async () => {
    lab = await startLibvirtd();
    await furnish(lab);
    other = party(lab.uri, "p/other/x");
    parties.push(other);
    await other.make("StoragePool", { name: "others", path: `${lab.pools}/others` });
    await other.make("Volume", { name: "vol", pool: "others", size: "1MiB" });
    await other.make("Network", { name: "others", cidr: "10.93.0.0/24" });
    const networks = [{ network: "others", address: "10.93.0.9", mac: "52:54:00:00:00:09" }];
    await other.make("VirtualMachine", { ...BASE.VirtualMachine, name: "others", networks });
  });
  afterAll(async () => {
    for (const one of parties) await one.close();
    await lab?.stop();
  });

  it.each([...POOLS, ...ROWS])(
    "%s (%s %j): refused at preview and at a creation, and nothing is touched",
    async (_, kind, words, path, said) => {
      const before = await everything(lab);
      const me = mine();
      const found = await me.examine(kind, real(kind, words));
      expect(found.map((p) => p.path)).toContain(path);
      expect(found.find((p) => p.path === path)?.reason).toMatch(said);
      // Without a preview, as when somebody else was faster.
      const late = mine();
      await refused(late.make(kind, real(kind, words)), said);
      expect(me.writes()).toEqual([]);
      expect(late.writes()).toEqual(kind === "StoragePool" ? ["pool.define"] : []);
      expect(await everything(lab)).toBe(before);
    },
  );

  it.each(HOST)("%s (%s %j): refused by the host, and nothing stays of it", async (_, kind, words, path, said) => {
    const before = await everything(lab);
    await refused(mine().make(kind, real(kind, words)), said, path);
    expect(await everything(lab)).toBe(before);
  });

  it.each<[KindName, string, (uuid: string) => Promise<void>]>([
    [
      "VirtualMachine",
      "name",
      (uuid) =>
        foreign(
          lab,
          "define",
          `<domain type='qemu'><name>renamed</name><uuid>${uuid}</uuid><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='pc'>hvm</type></os></domain>`,
        ),
    ],
    [
      "Network",
      "name",
      (uuid) => foreign(lab, "net-define", `<network><name>renamed</name><uuid>${uuid}</uuid></network>`),
    ],
    [
      "StoragePool",
      "name",
      (uuid) =>
        foreign(
          lab,
          "pool-define",
          `<pool type='dir'><name>renamed</name><uuid>${uuid}</uuid><target><path>${lab.pools}/renamed</path></target></pool>`,
        ),
    ],
  ])("a foreign %s with the UUID that ours would get is left alone", async (kind, path, define) => {
    await define(uuidOf(kind, "p/s/mine", "same-id"));
    const before = await everything(lab);
    await refused(mine().make(kind, real(kind, { name: "same-id" })), /UUID/i, path);
    expect(await everything(lab)).toBe(before);
    expect(await mine().examine(kind, real(kind, { name: "same-id" }))).toEqual([
      { path, reason: expect.stringMatching(/UUID/) },
    ]);
  });

  it("a foreign secret with the UUID that a volume's mark would get is left alone", async () => {
    const { uuid } = markOf("p/s/mine", `${lab.pools}/theirs/mine`);
    await foreign(
      lab,
      "secret-define",
      `<secret><uuid>${uuid}</uuid><usage type='ceph'><name>theirs</name></usage></secret>`,
    );
    const before = await everything(lab);
    await refused(mine().make("Volume", real("Volume", {})), /secret/, "name");
    expect(await everything(lab)).toBe(before);
  });
});
