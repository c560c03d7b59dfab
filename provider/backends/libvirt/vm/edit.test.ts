import { describe, expect, it } from "vitest";
import { inputsOf, resolved } from "../../../../test/libvirt/machines.js";
import { append, attributeAt, type Element, elements, find, parseXml, removeElement, textAt, toText } from "../xml.js";
import { definition } from "./definition.js";
import { driveFault, edit } from "./edit.js";
import { sourceOf } from "./located.js";
import { diskAt, nicAt } from "./ours.js";
import type { MachineInputs } from "./types.js";

const MAC = "52:54:00:00:00:01";
const BASE = {
  description: "old",
  tags: { a: "1" },
  cpus: 2,
  maxCpus: 4,
  memory: "64MiB",
  maxMemory: "128MiB",
  disks: [
    { name: "a", volume: "/a" },
    { name: "b", volume: "/b" },
  ],
  networks: [
    { name: "n", network: "lan", mac: MAC },
    { name: "o", bridge: "br0", mac: "52:54:00:00:00:02" },
  ],
  cdrom: "/iso/a",
  cloudInit: { userData: "x" },
};

/** Ours, as the daemon and other people have gone on with it. */
function theirs(inputs: MachineInputs): Element {
  const text = definition(resolved(inputs))
    .replace(
      "</metadata>",
      '<os:info xmlns:os="urn:os"><os:id>x &amp; y</os:id></os:info></metadata><cputune><shares>7</shares></cputune><!-- by hand -->' +
        '<memtune><hard_limit unit="KiB">99</hard_limit></memtune><blkiotune><weight>5</weight></blkiotune>',
    )
    .replace(
      "</devices>",
      '<interface type="direct"><mac address="52:54:00:99:99:99"/><source dev="eth0" mode="bridge"/></interface>' +
        '<interface type="user"><mac address="52:54:00:99:99:98"/></interface>' +
        '<disk type="file" device="floppy"><source file="/f"/><target dev="fda" bus="fdc"/></disk>' +
        '<hostdev mode="subsystem" type="pci"><source><address bus="0x06"/></source></hostdev><watchdog model="i6300esb"/>' +
        '</devices><seclabel type="dynamic" model="apparmor"/>' +
        '<qemu:commandline xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"><qemu:arg value="-x"/></qemu:commandline>',
    );
  const config = parseXml(text, "the definition");
  for (const device of [diskAt(config, "vda"), diskAt(config, "vdb"), nicAt(config, MAC), diskAt(config, "sda")]) {
    if (device === undefined) continue;
    append(device, ["alias", { name: "ua-mine" }]);
    append(device, ["address", { type: "pci", bus: "0x03", slot: "0x00" }]);
  }
  const first = diskAt(config, "vda");
  if (first) append(first, ["iotune", {}, ["read_iops_sec", {}, "100"]]);
  append(nicAt(config, MAC)!, ["bandwidth", {}, ["inbound", { average: "9" }]]);
  return config;
}

/** Every element with its own text and attributes, each as one line; siblings that repeat are told apart by what is in them. */
function lines(element: Element, above = ""): string[] {
  const attributes = Array.from(element.attributes)
    .map((a) => `${a.name}=${a.value}`)
    .sort();
  const own = Array.from(element.childNodes)
    .flatMap((n) => (n.nodeType === 3 ? [n.nodeValue?.trim() ?? ""] : []))
    .join("");
  const dev = attributeAt(element, "target", "dev") ?? attributeAt(element, "mac", "address");
  const path = `${above}/${element.nodeName}${dev === undefined ? "" : `[${dev}]`}`;
  const line = [path, ...attributes, own].filter((word) => word !== "").join(" ");
  return [line, ...elements(element).flatMap((e) => lines(e, path))];
}

/** The lines that an edit took away and put in, in any order. */
function change(changed: readonly string[], written: Record<string, unknown>, from: Record<string, unknown> = BASE) {
  const config = theirs(inputsOf(from));
  const before = lines(config);
  edit(config, resolved(inputsOf({ ...from, ...written })), new Set(changed));
  const after = lines(config);
  const minus = (a: readonly string[], b: readonly string[]) => {
    const rest = [...b];
    return a.filter((line) => {
      const at = rest.indexOf(line);
      if (at >= 0) rest.splice(at, 1);
      return at < 0;
    });
  };
  const notes = /\/cv:/;
  const [gone, made] = [minus(before, after), minus(after, before)];
  return { gone: gone.filter((l) => !notes.test(l)), made: made.filter((l) => !notes.test(l)), config };
}

describe("an edit", () => {
  it("of nothing changes nothing, to the byte", () => {
    const config = theirs(inputsOf(BASE));
    const before = toText(config);
    edit(config, resolved(inputsOf(BASE)), new Set());
    expect(toText(config)).toBe(before);
  });

  it("of every property to what it is changes nothing", () => {
    const everything = Object.keys(BASE).concat("firmware", "secureBoot", "tpm");
    const { gone, made } = change(everything, {});
    expect([gone, made]).toEqual([[], []]);
  });

  it.each([
    ["description", { description: "n & <w>" }, ["/domain/description old"], ["/domain/description n & <w>"]],
    ["description", { description: "" }, ["/domain/description old"], ["/domain/description"]],
    ["tags", { tags: { b: "2" } }, [], []],
    ["guest", { guest: "debian12" }, [], []],
    ["cpus", { cpus: 3 }, ["/domain/vcpu current=2 placement=static 4"], ["/domain/vcpu current=3 placement=static 4"]],
    ["cpus", { cpus: 4 }, ["/domain/vcpu current=2 placement=static 4"], ["/domain/vcpu placement=static 4"]],
    [
      "maxCpus",
      { maxCpus: 8 },
      ["/domain/vcpu current=2 placement=static 4"],
      ["/domain/vcpu current=2 placement=static 8"],
    ],
    ["memory", { memory: "96MiB" }, ["/domain/currentMemory unit=KiB 65536"], ["/domain/currentMemory unit=KiB 98304"]],
    ["maxMemory", { maxMemory: "1GiB" }, ["/domain/memory unit=KiB 131072"], ["/domain/memory unit=KiB 1048576"]],
    [
      "tpm",
      { tpm: true },
      [],
      ["/domain/devices/tpm model=tpm-crb", "/domain/devices/tpm/backend type=emulator version=2.0"],
    ],
    [
      "cdrom",
      { cdrom: "/iso/b" },
      ["/domain/devices/disk[sdb]/source file=/iso/a"],
      ["/domain/devices/disk[sdb]/source file=/iso/b"],
    ],
    ["cdrom", { cdrom: undefined }, ["/domain/devices/disk[sdb]/source file=/iso/a"], []],
    ["cloudInit", { cloudInit: undefined }, ["/domain/devices/disk[sda]/source file=/pool/m-seed.iso"], []],
    [
      "networks",
      { networks: [{ ...BASE.networks[0], network: "dmz" }, BASE.networks[1]] },
      [`/domain/devices/interface[${MAC}]/source network=lan`],
      [`/domain/devices/interface[${MAC}]/source network=dmz`],
    ],
    [
      "networks",
      { networks: [{ ...BASE.networks[0], connected: false }, BASE.networks[1]] },
      [],
      [`/domain/devices/interface[${MAC}]/link state=down`],
    ],
    [
      "disks",
      { disks: [BASE.disks[0], { ...BASE.disks[1], volume: "/z" }] },
      ["/domain/devices/disk[vdb]/source file=/b"],
      ["/domain/devices/disk[vdb]/source file=/z"],
    ],
    [
      "disks",
      { disks: [BASE.disks[0], { ...BASE.disks[1], readOnly: true }] },
      [],
      ["/domain/devices/disk[vdb]/readonly"],
    ],
  ])("of %s to %j leaves everything else as it is", (property, written, gone, made) => {
    expect(change([property], written)).toMatchObject({ gone, made });
  });

  it("of the firmware exchanges what was asked of it and keeps the rest of the boot settings", () => {
    const { gone, made } = change(["firmware", "secureBoot"], { firmware: "bios" });
    expect(made).toEqual(["/domain/os"]);
    expect(gone.every((line) => line.startsWith("/domain/os"))).toBe(true);
    const secure = change(["secureBoot"], { secureBoot: true });
    expect(secure.made.filter((line) => !/^\/domain\/(os\/(firmware|loader)|features\/smm)/.test(line))).toEqual([]);
    expect(secure.made).toContain("/domain/features/smm state=on");
    expect(change(["secureBoot"], { secureBoot: false }, { ...BASE, secureBoot: true }).gone).toContain(
      "/domain/features/smm state=on",
    );
  });

  it("takes out and puts in whole devices, and none that it does not know", () => {
    const { gone, made, config } = change(["disks", "networks"], { disks: [BASE.disks[0]], networks: [] });
    expect(made).toEqual([]);
    expect(gone.every((line) => /^\/domain\/devices\/(disk\[vdb\]|interface\[52:54:00:00:00:0[12]\])/.test(line))).toBe(
      true,
    );
    expect(nicAt(config, "52:54:00:99:99:99")).toBeDefined();
    expect(nicAt(config, "52:54:00:99:99:98")).toBeDefined();
    expect(diskAt(config, "fda")).toBeDefined();
    const more = change(["disks"], { disks: [...BASE.disks, { name: "c", volume: "/c", bus: "scsi" }] });
    expect(more.gone).toEqual([]);
    expect(more.made.every((line) => line.startsWith("/domain/devices/disk[sdc]"))).toBe(true);
  });

  /** Orders by device name. */
  const boots = (config: Element) =>
    Object.fromEntries(
      elements(find(config, "devices")!).flatMap((d) => {
        const order = attributeAt(d, "boot", "order");
        const name = attributeAt(d, "target", "dev") ?? attributeAt(d, "mac", "address");
        return order === undefined ? [] : [[name, Number(order)]];
      }),
    );

  it("lets the first disk boot, then the CD, and shares no place", () => {
    expect(boots(change(["disks"], { disks: [BASE.disks[1], BASE.disks[0]] }).config)).toEqual({ vda: 1, sdb: 2 });
    const [a, b] = BASE.disks;
    expect(boots(change(["disks"], { disks: [a, b] }, { ...BASE, disks: [] }).config)).toEqual({ vda: 1, sdb: 2 });
    expect(boots(change(["disks"], { disks: [] }).config)).toEqual({ sdb: 1 });
    expect(boots(change(["disks"], { disks: [b] }).config)).toEqual({ vda: 1, sdb: 2 });
  });

  it("leaves the places of other people's devices, and definitions that boot by kinds of devices, alone", () => {
    const machine = resolved(inputsOf(BASE));
    const config = theirs(inputsOf(BASE));
    removeElement(find(diskAt(config, "vda")!, "boot"));
    append(nicAt(config, MAC)!, ["boot", { order: 1 }]);
    edit(config, machine, new Set(["disks"]));
    expect(boots(config)).toEqual({ [MAC]: 1, vda: 2, sdb: 3 });
    for (const disk of ["vda", "sdb"]) removeElement(find(diskAt(config, disk)!, "boot"));
    removeElement(find(nicAt(config, MAC)!, "boot"));
    append(find(config, "os")!, ["boot", { dev: "network" }]);
    edit(config, machine, new Set(["disks"]));
    expect(boots(config)).toEqual({});
    expect(attributeAt(config, "os/boot", "dev")).toBe("network");
  });

  it("puts a device that was plugged into what runs at the same place, unless somebody has it", () => {
    const wanted = resolved(inputsOf({ ...BASE, disks: [...BASE.disks, { name: "c", volume: "/c" }] }));
    for (const [bus, place] of [
      ["0x09", "0x09"],
      ["0x03", undefined],
    ]) {
      const config = theirs(inputsOf(BASE));
      const live = parseXml(definition(wanted), "what runs");
      append(diskAt(live, "vdc")!, ["address", { type: "pci", bus, slot: "0x00" }]);
      edit(config, wanted, new Set(["disks"]), { live });
      expect(attributeAt(diskAt(config, "vdc")!, "address", "bus")).toBe(place);
    }
  });

  it("builds in the controller that a drive needs where there is none, once", () => {
    const config = parseXml('<domain type="qemu"><vcpu>1</vcpu><devices/></domain>', "an adopted definition");
    const controllers = () =>
      elements(find(config, "devices")!)
        .filter((e) => e.nodeName === "controller")
        .map(toText);
    edit(config, resolved(inputsOf({ cpus: 2 })), new Set(["cpus"]));
    expect(controllers()).toEqual([]);
    for (let times = 0; times < 2; times++) edit(config, resolved(inputsOf({ cdrom: "/iso" })), new Set(["cdrom"]));
    expect(controllers()).toEqual(['<controller type="scsi" model="virtio-scsi"/>']);
  });

  it("of memory understands definitions that speak in other units, and of processors ones that list them", () => {
    const inputs = inputsOf({ cpus: 3, memory: "64MiB" });
    const config = parseXml(
      '<domain><memory unit="MiB">256</memory><vcpu current="1">4</vcpu><vcpus><vcpu id="0"/></vcpus><devices/></domain>',
      "an older definition",
    );
    edit(config, resolved(inputs), new Set(["cpus", "memory"]));
    expect(textAt(config, "currentMemory")).toBe("65536");
    expect(attributeAt(config, "memory", "unit")).toBe("KiB");
    expect(textAt(config, "memory")).toBe("262144");
    expect([textAt(config, "vcpu"), attributeAt(config, "vcpu", "current"), find(config, "vcpus")]).toEqual([
      "4",
      "3",
      undefined,
    ]);
  });
});

describe("an adopted machine's own drives", () => {
  const adopted = (device: "cdrom" | "disk", target: string) =>
    parseXml(
      `<domain type="qemu"><vcpu>1</vcpu><devices><disk type="file" device="${device}"><source file="/own"/>` +
        `<target dev="${target}" bus="sata"/></disk></devices></domain>`,
      "an adopted definition",
    );

  it("keep their medium when something else changes", () => {
    const config = adopted("cdrom", "sda");
    edit(config, resolved(inputsOf({ description: "new" })), new Set(["description"]));
    expect(sourceOf(diskAt(config, "sda"))).toBe("/own");
  });

  it.each([
    ["cdrom", "sda", 'the CD drive "sda" holds /own, and the first-boot CD belongs there'],
    ["disk", "sda", 'the machine has a disk of its own at "sda", where a CD drive is wanted'],
    ["disk", "sdb", 'the machine has a disk of its own at "sdb", where a CD drive is wanted'],
    ["cdrom", "sdb", undefined],
  ] as const)("are not used for ours: a %s at %s", (device, target, fault) => {
    expect(driveFault(adopted(device, target), target)).toBe(fault);
  });

  it("are used when they are empty or hold what is ours", () => {
    expect(driveFault(adopted("cdrom", "sda"), "sda", "/own")).toBeUndefined();
    expect(driveFault(parseXml("<domain><devices/></domain>", "a definition"), "sda")).toBeUndefined();
  });
});
