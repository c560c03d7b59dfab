import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost as Lab, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { everything, foreign, type Made, type Party, party, refused, type Words } from "./lab.js";
import { furnish } from "./world.js";

const reason = requirements();

/** A machine of somebody else that is defined, and started paused where `runs` says so. */
const machine = (
  name: string,
  devices: string,
) => `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>${devices}</devices></domain>`;
const disk = (source: string, target = "vda") =>
  `<disk type='${source.startsWith("pool=") ? "volume" : "file"}' device='disk'><driver name='qemu' type='qcow2'/><source ${source}/><target dev='${target}' bus='virtio'/></disk>`;

describe.skipIf(reason !== undefined)(`what is in use${reason === undefined ? "" : ` (${reason})`}`, () => {
  let lab: Lab;
  let folder: string;
  let made: Record<"pool" | "base" | "attached" | "started" | "named" | "net" | "idle", Made>;
  const parties: Party[] = [];
  const mine = (): Party => {
    const one = party(lab.uri, "p/s/mine");
    parties.push(one);
    return one;
  };
  const sh = (script: string) => lab.exec(["sh", "-c", script]);
  beforeAll(async () => {
    lab = await startLibvirtd();
    await furnish(lab);
    folder = `${lab.pools}/mine`;
    const me = mine();
    const pool = await me.make("StoragePool", { name: "mine", path: folder, onDelete: "delete" });
    const vol = (name: string) => me.make("Volume", { name, pool: "mine", size: "2MiB" });
    made = {
      pool,
      base: await vol("base"),
      attached: await vol("attached"),
      started: await vol("started"),
      named: await vol("named"),
      net: await me.make("Network", { name: "mine", cidr: "10.94.0.0/24" }),
      idle: await me.make("Network", { name: "idle", cidr: "10.95.0.0/24" }),
    };
    // Somebody else's overlay, in another pool, that names its base by a path relative to its own.
    await sh(`cd ${lab.pools}/theirs && qemu-img create -q -f qcow2 -F qcow2 -b ../mine/base over.qcow2`);
    await lab.virsh("pool-refresh", "theirs");
    await foreign(
      lab,
      "define",
      machine(
        "stopped",
        `${disk(`file='${folder}/attached'`)}<interface type='network'><source network='idle'/></interface>`,
      ),
    );
    await foreign(
      lab,
      "define",
      machine(
        "started",
        `${disk(`file='${folder}/started'`)}<interface type='network'><source network='mine'/></interface>`,
      ),
    );
    await lab.virsh("start", "started", "--paused");
    await foreign(lab, "define", machine("by-name", disk("pool='mine' volume='named'")));
  });
  afterAll(async () => {
    for (const one of parties) await one.close();
    await lab?.stop();
  });

  it.each<[string, keyof typeof made, RegExp]>([
    ["a volume under somebody's overlay", "base", /it is the base of "theirs\/over\.qcow2"/],
    ["a volume of a machine that is stopped", "attached", /the virtual machine "stopped" has it as a disk/],
    ["a volume of a machine that runs", "started", /the virtual machine "started" has it as a disk/],
    ["a volume that a machine names by its pool", "named", /the virtual machine "by-name" has it as a disk/],
    ["a network of a machine that runs", "net", /it is used by "started"/],
    ["a network of a machine that is defined only", "idle", /it is used by "stopped"/],
    ["a pool that holds volumes, with its directory", "pool", /it holds "\w+", "\w+", "\w+" and 1 more/],
  ])("%s is not deleted, and nothing is touched", async (_, which, said) => {
    const before = await everything(lab);
    const me = mine();
    await refused(me.remove(made[which]), said);
    expect(me.writes()).toEqual([]);
    expect(await everything(lab)).toBe(before);
  });

  it("a pool that a machine names is not taken from the list, and nothing is touched", async () => {
    const before = await everything(lab);
    const me = mine();
    await refused(me.remove(made.pool, { onDelete: "keep" }), /the virtual machine "by-name" has a disk in it/);
    expect(me.writes()).toEqual([]);
    expect(await everything(lab)).toBe(before);
  });

  it.each<[string, keyof typeof made, Words, string, RegExp]>([
    [
      "a volume that would shrink",
      "attached",
      { name: "attached", pool: "mine", size: "1MiB" },
      "size",
      /less than it (is|has)/,
    ],
    ["a base that would grow", "base", { name: "base", pool: "mine", size: "4MiB" }, "size", /theirs\/over\.qcow2/],
  ])("%s is refused at preview and at an update, and nothing is touched", async (_, which, words, path, said) => {
    const before = await everything(lab);
    const me = mine();
    const { kind, id, inputs } = made[which];
    expect(await me.examine(kind, words, made[which])).toEqual([{ path, reason: expect.stringMatching(said) }]);
    const step = { report: () => undefined, signal: new AbortController().signal };
    await refused(me.engine(kind).update(id, inputs, me.words(kind, words), step), said);
    expect(me.writes()).toEqual([]);
    expect(await everything(lab)).toBe(before);
  });

  it.each<[string, keyof typeof made, Words, RegExp]>([
    ["a volume under somebody's overlay", "base", { name: "b2", pool: "mine", size: "2MiB" }, /theirs\/over\.qcow2/],
    ["a volume of somebody's machine", "started", { name: "s2", pool: "mine", size: "2MiB" }, /"started"/],
    ["a network of somebody's machine", "net", { name: "n2", cidr: "10.94.0.0/24" }, /"started"/],
  ])("a replacement of %s is refused at preview", async (_, which, words, said) => {
    const me = mine();
    const found = await me.examine(
      made[which].kind,
      { ...words, allowDataLoss: made[which].kind === "Volume" || undefined },
      made[which],
    );
    expect(found).toEqual([{ path: "name", reason: expect.stringMatching(said) }]);
    expect(me.writes()).toEqual([]);
  });
});
