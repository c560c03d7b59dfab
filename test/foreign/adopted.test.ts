import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everything, survey } from "../../provider/faces/cli/import/survey.js";
import type { Words } from "../contract/fixture.js";
import { quickly } from "../contract/libvirt-fixture.js";
import { requirements } from "../hosts/requirements.js";
import { change, settled } from "../matrix/cell.js";
import type { Entry, Ground } from "../matrix/entry.js";
import type { Made } from "../matrix/lab.js";
import { LibvirtLab } from "../matrix/libvirt-lab.js";
import { machine } from "../matrix/machine.js";
import { names } from "../matrix/names.js";
import { put } from "../matrix/paths.js";
import { rowsOf } from "../matrix/verdict.js";
import { changedAnywhere as changed } from "./canonical.js";
import { virshWith } from "./host.js";

/** What `virt-install` 4.1.0 of Debian 12 defined, each with the words that it was given. */
const MACHINES = {
  server: "--osinfo debian11 --import, a disk on virtio and one on SCSI",
  installer: "--machine pc --cdrom, a raw disk on IDE, two interfaces",
  windows: "--osinfo win2k22 --boot uefi --tpm --graphics spice, a topology of processors",
  cloud: "--cloud-init, maxvcpus, maxmemory, no graphics",
  tuned: "NUMA cells and numatune, memtune, a CD at sdb on SATA",
} as const;
type Name = keyof typeof MACHINES;

/** Where a definition may differ after an edit of a property: elements of others and all the rest stay. */
const PLACES: Readonly<Record<string, RegExp>> = {
  description: /^\/domain\/description /,
  cpus: /^\/domain\/vcpu /,
  maxCpus: /^\/domain\/vcpu /,
  memory: /^\/domain\/(memory|currentMemory) /,
  maxMemory: /^\/domain\/memory /,
  firmware: /^\/domain\/os( |\/(loader|nvram|firmware))/,
  secureBoot: /^\/domain\/(os( |\/(loader|nvram|firmware))|features\/smm )/,
  tpm: /^\/domain\/devices\/tpm/,
  acceleration: /^\/domain( |\/cpu)/,
  disks: /^\/domain\/devices\/(disk|controller)/,
  cdrom: /^\/domain\/devices\/(disk|controller)/,
  cloudInit: /^\/domain\/devices\/(disk|controller)/,
  networks: /^\/domain\/devices\/interface/,
};

/** What the definitions of others speak against: named at preview, before anything is touched. */
const REFUSED: readonly (readonly [name: Name, words: Words, path: string, said: RegExp])[] = [
  ["server", { cloudInit: { userData: "#!/bin/true\n" } }, "cloudInit", /a disk of its own at "sda"/],
  ["windows", { cloudInit: { userData: "#!/bin/true\n" } }, "cloudInit", /a disk of its own at "sda"/],
  ["windows", { cpus: 5 }, "cpus", /topology of its processors, which makes 4, not 5/],
  ["windows", { maxCpus: 8 }, "maxCpus", /topology of its processors, which makes 4, not 8/],
  ["installer", { firmware: "uefi", secureBoot: true }, "secureBoot", /type "pc/],
  ["tuned", { memory: "192MiB" }, "memory", /NUMA cells, which hold 128MiB, not 192MiB/],
  ["tuned", { maxMemory: "192MiB" }, "maxMemory", /NUMA cells, which hold 128MiB, not 192MiB/],
  ["tuned", { cpus: 1, maxCpus: 1 }, "cpus", /at least 2, which its NUMA cells hold/],
];

/** Another name is another machine, another owner another resource; the rest needs other networks than these machines have. */
const APART = new Set([
  "name",
  "owner",
  "adopt",
  "disks[].path",
  "networks[].bridge",
  "networks[].address",
  "waitForAddress.nic",
]);
const possible = new Set(rowsOf(machine).flatMap(({ at, effect }) => (effect === "refused" ? [] : [at])));
const edits = machine.entries(names, "name").filter(({ at }) => !APART.has(at) && possible.has(at));

/** Edits for which a machine lacks what they are about, or which it refuses. */
const IMPOSSIBLE: Readonly<Partial<Record<Name, RegExp>>> = {
  server: /^cloudInit/,
  windows: /^(cloudInit|maxMemory|disks\[\]\.readOnly)/,
  installer: /^(disks\[\]|networks\[\]|secureBoot)/,
};

/** Each edit on one of the machines in turn, or on all of them (`CROSSVISOR_EDITS=all`: some minutes). */
const ALL = process.env["CROSSVISOR_EDITS"] === "all";
const STOPPED = edits.flatMap(({ at }, i) => {
  const able = (Object.keys(MACHINES) as Name[]).filter((name) => !IMPOSSIBLE[name]?.test(at));
  return (ALL ? able : able.slice(i % able.length).slice(0, 1)).map((name) => [at, name] as const);
});
/** While it runs: all but devices, which only a booted guest releases, or some of it. */
const HELD = /^(disks|cdrom|cloudInit|networks( |$))/;
const SOME = new Set(["description", "cpus (up to maxCpus)", "maxMemory", "networks[].connected"]);
const RUNNING = edits
  .filter(({ at, guest }) => (ALL ? !guest && !HELD.test(at) : SOME.has(at)))
  .map(({ at }) => [at, "cloud"] as const);

const missing = requirements();
const title = "machines that virt-install made";

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtLab;
  let ground: Ground;
  const adopted = new Map<Name, { readonly made: Made; readonly words: Words }>();
  const definition = (name: string) => lab.daemon.virsh("dumpxml", "--inactive", name);

  beforeAll(async () => {
    lab = await LibvirtLab.open();
    ground = await lab.ground("adopted");
    const { daemon } = lab;
    for (const volume of ["server", "server-1", "windows", "spare", "tuned"])
      await daemon.virsh("vol-create-as", "default", `${volume}.qcow2`, "64M", "--format", "qcow2");
    await daemon.virsh("vol-create-as", "default", "installer.img", "64M", "--format", "raw");
    writeFileSync(join(daemon.pools, "a.iso"), Buffer.alloc(64 * 1024));
    await virshWith(
      daemon,
      "net-define",
      "<network><name>default</name><ip address='10.88.9.1' prefix='24'/></network>",
    );
    await daemon.virsh("net-start", "default");
    for (const name of Object.keys(MACHINES)) {
      const xml = readFileSync(join(__dirname, "virt-install", `${name}.xml`), "utf8");
      await virshWith(daemon, "define", xml.replaceAll("POOLS", daemon.pools));
    }
  });
  afterAll(() => lab?.close());

  it.each(Object.entries(MACHINES))("%s (%s) is taken over as it is", async (key) => {
    const name = key as Name;
    const before = await definition(name);
    const all = await everything(lab.host);
    const { id = "" } = all.get("VirtualMachine")?.find((m) => m.name === name) ?? {};
    const { declared } = await survey(lab.host, all, [{ kind: "VirtualMachine", id, name }]);
    const found = declared.find((d) => d.kind === "VirtualMachine");
    expect(found, "what `crossvisor import` says of it").toBeDefined();
    const words: Words = { owner: "p/s/heir", name, adopt: name, ...quickly, ...found?.words };
    const made = await lab.create("VirtualMachine", words);
    expect(changed(before, await definition(name))).toEqual([]);
    await settled(lab, "VirtualMachine", made, words);
    adopted.set(name, { made, words });
  });

  it.each(REFUSED)(
    "%s with %j is refused at preview by name, to be adopted and adopted",
    async (name, more, path, said) => {
      const { made, words } = of(name);
      const engine = lab.engine("VirtualMachine");
      const { inputs } = engine.check({ ...words, ...more });
      const refused = [{ path, reason: expect.stringMatching(said) }];
      expect(await engine.examine(inputs)).toEqual(refused);
      expect(await engine.examine(inputs, made.id, made.inputs)).toEqual(refused);
      await settled(lab, "VirtualMachine", made, words);
    },
  );

  it.each(STOPPED)("an edit of %s of %s changes nothing else", (at, name) => edited(name, at, of(name).words));

  it.each(RUNNING)("an edit of %s of %s, which runs, changes nothing else", async (at, name) => {
    const { made, words } = of(name);
    const running = { ...words, powerState: "running" };
    if (made.inputs["powerState"] !== "running")
      adopted.set(name, { ...(await change(lab, "VirtualMachine", made, running)), words });
    await edited(name, at, running);
  });

  const of = (name: Name) => {
    const one = adopted.get(name);
    if (one === undefined) throw new Error(`${name} was not adopted`);
    return one;
  };

  async function edited(name: Name, at: string, words: Words): Promise<void> {
    const { made } = of(name);
    const entry = machine.entries(ground, name).find((e) => e.at === at) as Entry;
    const [from, to] = bothOf(words, entry);
    const first = await change(lab, "VirtualMachine", made, from);
    const before = await definition(name);
    const { told, made: is } = await change(lab, "VirtualMachine", first.made, to);
    const place = PLACES[at.split(/[ .[]/)[0] ?? ""] ?? /^$/;
    const strange = (a: string, b: string) => changed(a, b).filter((line) => !place.test(line.slice(2)));
    const after = await definition(name);
    expect(strange(before, after), told.effect).toEqual([]);
    const back = await change(lab, "VirtualMachine", is, words);
    expect(strange(before, await definition(name)), "taken back").toEqual([]);
    adopted.set(name, { made: back.made, words: of(name).words });
    expect(told.effect).not.toBe("refused");
  }
});

/** The words without and with an entry's value: in a list of devices the last one has it, or one more is there. */
function bothOf(words: Words, { at, values, ...entry }: Entry): readonly [Words, Words] {
  const place = at.split(" ")[0] ?? at;
  const around = Object.entries({ ...entry.with }).filter(([, value]) => !Array.isArray(value));
  const from = { ...words, ...Object.fromEntries(around) };
  const list = from[place];
  const value = Array.isArray(values[0]) ? [...((list ?? []) as unknown[]), values[0].at(-1)] : values[0];
  return [from, put(from, place, value)];
}
