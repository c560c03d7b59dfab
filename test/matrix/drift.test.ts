import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KindName } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { quickly } from "../contract/libvirt-fixture.js";
import { step } from "../contract/stand.js";
import { requirements } from "../hosts/requirements.js";
import { change, preview } from "./cell.js";
import type { Ground } from "./entry.js";
import type { Made } from "./lab.js";
import { LibvirtLab } from "./libvirt-lab.js";
import { addressIn } from "./machine.js";

const missing = requirements();
const title = "what others change behind our back is shown by a refresh and repaired once";
const MAC = "52:54:00:ee:00:01";
const SECOND = "52:54:00:ee:00:02";

/** One edit by virsh: the command lines, where a refresh must show it, and what repairs it. */
type Edit = readonly [what: string, commands: readonly string[], paths: readonly string[], effect: string];

const MACHINE: readonly Edit[] = [
  ["memory, in the definition", ["setmem vm 80M --config"], ["memory"], "live"],
  ["the most memory, in the definition", ["setmaxmem vm 512M --config"], ["maxMemory"], "restart"],
  ["processors, in the definition", ["setvcpus vm 2 --config"], ["cpus"], "restart"],
  ["processors, plugged in", ["setvcpus vm 2 --live"], ["cpus"], "restart"],
  ["the description, of what runs alone", ["desc vm theirs --live"], ["description"], "live"],
  ["the description, in the definition", ["desc vm theirs --config"], ["description"], "live"],
  ["the description, taken away", ["desc vm --live --config --new-desc "], ["description"], "live"],
  ["autostart", ["autostart vm"], ["autostart"], "live"],
  ["power: off", ["destroy vm"], ["powerState"], "live"],
  ["power: paused", ["suspend vm"], ["powerState"], "live"],
  ["a CD ejected from the running guest", ["change-media vm sdb --eject --live"], ["cdrom"], "live"],
  ["a CD ejected for the next start", ["change-media vm sdb --eject --config"], ["cdrom"], "live"],
  ["a CD swapped in the running guest", ["change-media vm sdb POOLS/two.iso --update --live"], ["cdrom"], "live"],
  ["a cable pulled out", ["domif-setlink vm MAC down"], ['networks["lan"].connected'], "live"],
  [
    "a cable pulled out for the next start",
    ["domif-setlink vm MAC down --config"],
    ['networks["lan"].connected'],
    "live",
  ],
  [
    "the address that a network keeps for it, taken out there",
    [`net-update net-a delete ip-dhcp-host <host/mac='${SECOND}'/> --live --config`],
    ['networks["second"].network'],
    "live",
  ],
  [
    "an interface less, at the next start",
    ["detach-interface vm network --mac MAC --config"],
    ['networks["lan"]'],
    "live",
  ],
  [
    "an interface more",
    ["attach-interface vm network net-b --mac 52:54:00:ee:00:09 --model virtio --config"],
    ['networks["nic-525400ee0009"]'],
    "live",
  ],
  ["a disk less, at the next start", ["detach-disk vm vdb --config"], ['disks["data"]'], "live"],
  ["a disk more", ["attach-disk vm POOLS/two.qcow2 vdx --config"], ['disks["vdx"]'], "live"],
  [
    "a disk's file",
    ["detach-disk vm vdb --config", "attach-disk vm POOLS/two.qcow2 vdb --subdriver qcow2 --config"],
    ['disks["data"].volume'],
    "restart",
  ],
];

const NETWORK: readonly Edit[] = [
  [
    "a fixed address less",
    [`net-update lan delete ip-dhcp-host <host/mac='${MAC}'/ip='10.88.30.9'/> --live --config`],
    [`dhcp.hosts["${MAC}"]`],
    "live",
  ],
  [
    "a fixed address more, declared or not",
    ["net-update lan add dns-host <host/ip='10.88.30.77'><hostname>x</hostname></host> --live --config"],
    ['dns.hosts["10.88.30.77"]'],
    "live",
  ],
  [
    "the range",
    ["net-update lan delete ip-dhcp-range <range/start='10.88.30.100'/end='10.88.30.110'/> --live --config"],
    ["dhcp.range"],
    "live",
  ],
  ["autostart", ["net-autostart lan --disable"], ["autostart"], "live"],
  ["stopped", ["net-destroy lan"], ["active"], "live"],
];

const POOL: readonly Edit[] = [
  ["autostart", ["pool-autostart pool --disable"], ["autostart"], "live"],
  ["stopped", ["pool-destroy pool"], ["active"], "live"],
];

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtLab;
  let ground: Ground;
  const words = new Map<KindName, Words>();
  const made = new Map<KindName, Made>();
  const virsh = (line: string) =>
    lab.daemon.virsh(
      ...line
        .replaceAll("POOLS", lab.daemon.pools)
        .replaceAll("MAC", MAC)
        .split(" ")
        .map((word) =>
          word
            .replaceAll("/mac=", " mac=")
            .replaceAll("/ip=", " ip=")
            .replaceAll("/start=", " start=")
            .replaceAll("/end=", " end="),
        ),
    );

  beforeAll(async () => {
    lab = await LibvirtLab.open();
    ground = await lab.ground("drift");
    const owner = "matrix/suite";
    const dhcp = {
      range: { start: "10.88.30.100", end: "10.88.30.110" },
      hosts: [{ mac: MAC, address: "10.88.30.9" }],
    };
    words.set("Network", { owner, name: "lan", cidr: "10.88.30.0/24", dhcp, dns: { hosts: [] } });
    words.set("StoragePool", { owner, name: "pool", path: join(lab.daemon.pools, "drift") });
    words.set("Volume", { owner, name: "it", pool: "pool", size: "64MiB" });
    words.set("VirtualMachine", {
      ...{ owner, name: "vm", firmware: "bios", memory: "64MiB", maxMemory: "128MiB", maxCpus: 4, ...quickly },
      ...{ description: "ours", cdrom: ground.isos[0] },
      disks: ["root", "data"].map((name, i) => ({ name, volume: ground.volumes[i] })),
      networks: [
        { name: "lan", network: "lan", mac: MAC, address: addressIn("10.88.30.0/24", 9) },
        { name: "second", network: ground.networks[0], mac: SECOND },
      ],
    });
    for (const [kind, declared] of words) made.set(kind, await lab.create(kind, declared));
  });
  afterAll(() => lab?.close());

  /** What a refresh shows and what the update after it does; then nothing is left to do. */
  const repairs = async (kind: KindName, paths: readonly string[], effect: string): Promise<void> => {
    const was = made.get(kind) as Made;
    const seen = await lab.refreshed(kind, (engine) => engine.read(was.id, was.inputs, was.outputs));
    expect(seen, "it is there").toBeDefined();
    const shown = { ...(seen as Made) };
    expect(shown.inputs, "a refresh shows it").not.toEqual(was.inputs);
    const declared = words.get(kind) as Words;
    expect(await preview(lab, kind, shown, declared)).toMatchObject({ effect, paths });
    const { made: now } = await change(lab, kind, shown, declared);
    expect(now.inputs).toEqual(was.inputs);
    made.set(kind, now);
  };

  for (const [kind, edits] of Object.entries({ VirtualMachine: MACHINE, Network: NETWORK, StoragePool: POOL }))
    it.each(edits)(`${kind}: %s`, async (_what, commands, paths, effect) => {
      for (const command of commands) await virsh(command);
      await repairs(kind as KindName, paths, effect);
    });

  it("a running machine is plugged in again when its network, which was stopped, starts", async () => {
    await virsh("net-destroy lan");
    await repairs("Network", ["active"], "live");
    const bridge = String(made.get("Network")?.outputs["bridgeDevice"]);
    const taps = await lab.daemon.exec(["ls", `/sys/class/net/${bridge}/brif`]);
    expect(taps).toMatch(/vnet/);
  });

  it("Network: the cidr, in the definition", async () => {
    const file = join(lab.daemon.root, "net.xml");
    await writeFile(file, (await virsh("net-dumpxml lan --inactive")).replaceAll("10.88.30.", "10.88.31."));
    await virsh(`net-define ${file}`);
    await repairs("Network", ["cidr", "dhcp.range.start", "dhcp.range.end", `dhcp.hosts["${MAC}"].address`], "restart");
  });

  it("Volume: a size that somebody made larger is shown, and refused by name: it never shrinks", async () => {
    await virsh("vol-resize it 96M --pool pool");
    const was = made.get("Volume") as Made;
    const seen = await lab.refreshed("Volume", (engine) => engine.read(was.id, was.inputs, was.outputs));
    expect(seen?.inputs).toMatchObject({ size: 96 * 2 ** 20 });
    const declared = words.get("Volume") as Words;
    expect(await preview(lab, "Volume", seen as Made, declared)).toMatchObject({ effect: "refused", paths: ["size"] });
    expect((await change(lab, "Volume", seen as Made, { ...declared, size: "96MiB" })).told.effect).toBe("none");
  });

  it("what nobody declared stays: a device, a fixed address of a managed network, metadata", async () => {
    const file = join(lab.daemon.root, "device.xml");
    await writeFile(file, "<watchdog model='i6300esb' action='reset'/>");
    await virsh(`attach-device vm ${file} --config`);
    await virsh("metadata vm urn:theirs --key t --set <theirs/> --live --config");
    await virsh("net-update net-b add ip-dhcp-host <host/mac='52:54:00:ee:00:44'/ip='10.88.2.44'/> --live --config");
    const vm = made.get("VirtualMachine") as Made;
    const declared = words.get("VirtualMachine") as Words;
    expect((await preview(lab, "VirtualMachine", vm, declared)).effect).toBe("none");
    const { made: now } = await change(lab, "VirtualMachine", vm, { ...declared, description: "edited", cpus: 2 });
    made.set("VirtualMachine", (await change(lab, "VirtualMachine", now, declared)).made);
    const xml = await virsh("dumpxml vm --inactive");
    expect(xml).toContain("i6300esb");
    expect(xml).toContain("urn:theirs");
    expect(await virsh("net-dumpxml net-b")).toContain("52:54:00:ee:00:44");
  });

  it("each kind of object that somebody deleted is gone for a refresh, and made again once", async () => {
    await virsh("destroy vm");
    await virsh("undefine vm");
    await virsh("net-destroy lan");
    await virsh("net-undefine lan");
    await virsh("vol-delete it --pool pool");
    for (const kind of ["VirtualMachine", "Network", "Volume"] as const) {
      const { id, inputs } = made.get(kind) as Made;
      expect(await lab.refreshed(kind, (engine) => engine.read(id, inputs)), kind).toBeUndefined();
    }
    await virsh("pool-destroy pool");
    await virsh("pool-undefine pool");
    const pool = made.get("StoragePool") as Made;
    expect(await lab.refreshed("StoragePool", (engine) => engine.read(pool.id, pool.inputs))).toBeUndefined();
    for (const [kind, declared] of words) {
      const again = await lab.create(kind, declared);
      expect(again.id).toBe(made.get(kind)?.id);
      expect(await preview(lab, kind, again, declared)).toMatchObject({ effect: "none", paths: [] });
    }
    for (const kind of ["VirtualMachine", "Network", "Volume", "StoragePool"] as const)
      await lab.engine(kind).remove(String(made.get(kind)?.id), made.get(kind)?.inputs as never, step());
  });
});
