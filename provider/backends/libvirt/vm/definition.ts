import { type Tree, write } from "../xml.js";
import { cdTree, diskTree, nicTree, SCSI } from "./devices.js";
import { type Notes, notesTree } from "./notes.js";
import { CD_DRIVE, type Resolved, SEED_DRIVE, type Virtualisation } from "./types.js";

/** Free ports for devices that are plugged in while it runs: libvirt alone leaves about one (measured on 9.0.0). */
const HOTPLUG_PORTS = 12;

/** The definition of a new domain. */
export function definition(machine: Resolved): string {
  const { inputs, virtualisation } = machine;
  const maxMemory = Math.max(inputs.maxMemory ?? 0, inputs.memory) / 1024;
  const maxCpus = Math.max(inputs.maxCpus ?? 0, inputs.cpus);
  const windows = isWindows(inputs.guest);
  return write([
    "domain",
    { type: virtualisation },
    ["name", {}, inputs.name],
    ["uuid", {}, machine.uuid],
    inputs.description !== undefined && ["description", {}, inputs.description],
    ["metadata", {}, notesTree(notesOf(machine))],
    ["memory", { unit: "KiB" }, String(maxMemory)],
    ["currentMemory", { unit: "KiB" }, String(inputs.memory / 1024)],
    ["vcpu", { placement: "static", current: inputs.cpus === maxCpus ? undefined : inputs.cpus }, String(maxCpus)],
    // cloud-init looks here before any disk has appeared, so a late CD cannot turn it off (cloud-init issue 3897).
    seeded(machine) && ["sysinfo", { type: "smbios" }, ["system", {}, ["entry", { name: "serial" }, "ds=nocloud"]]],
    osTree(machine),
    featuresTree(machine),
    cpuTree(virtualisation),
    ["clock", { offset: windows ? "localtime" : "utc" }, ...timers(windows && virtualisation === "kvm")],
    ["on_poweroff", {}, "destroy"],
    ["on_reboot", {}, "restart"],
    ["on_crash", {}, "destroy"],
    ["devices", {}, ...devices(machine)],
  ]);
}

export const isWindows = (guest: string | undefined): boolean => /^win/i.test(guest ?? "");
const seeded = (machine: Resolved) => machine.seed !== undefined && machine.virtualisation !== "test";

export const notesOf = ({
  inputs,
  disks,
  nics,
  seed,
}: Pick<Resolved, "inputs" | "disks" | "nics" | "seed">): Notes => ({
  owner: inputs.owner,
  guest: inputs.guest,
  tags: inputs.tags ?? {},
  disks: disks.map(({ name, target, path }) => ({
    name,
    target,
    path,
    spelling: inputs.disks.find((d) => d.name === name)?.path === undefined ? "volume" : "path",
  })),
  nics: nics.map((n) => ({
    name: n.name,
    mac: n.mac,
    spelling: n.spelling,
    network: "network" in n.source ? n.source.network : undefined,
    uuid: "network" in n.source ? n.source.uuid : undefined,
    allotted: n.address,
  })),
  seed,
});

export function osTree({
  virtualisation,
  arch,
  inputs,
  seed,
}: Pick<Resolved, "virtualisation" | "arch" | "inputs" | "seed">): Tree {
  if (virtualisation === "test") return ["os", {}, ["type", { arch }, "hvm"]];
  const machine = arch === "x86_64" ? "q35" : "virt";
  return [
    "os",
    inputs.firmware === "uefi" ? { firmware: "efi" } : {},
    ["type", { arch, machine }, "hvm"],
    ...firmwareTrees(inputs.firmware, inputs.secureBoot),
    seed !== undefined && ["smbios", { mode: "sysinfo" }],
  ];
}

/** Asks for firmware by what it shall do; libvirt finds the files of the host (firmware='efi', since libvirt 5.2). */
export function firmwareTrees(firmware: "uefi" | "bios", secureBoot: boolean): Tree[] {
  if (firmware === "bios") return [];
  const enabled = secureBoot ? "yes" : "no";
  const feature = (name: string): Tree => ["feature", { enabled, name }];
  const features: Tree = ["firmware", {}, feature("enrolled-keys"), feature("secure-boot")];
  return secureBoot ? [features, ["loader", { secure: "yes" }]] : [features];
}

function featuresTree({ virtualisation, inputs }: Resolved): Tree | false {
  if (virtualisation === "test") return false;
  const enlightened = isWindows(inputs.guest) && virtualisation === "kvm";
  const on = { state: "on" };
  return [
    "features",
    {},
    ["acpi"],
    ["apic"],
    // What every KVM has (libvirt 1.1); without it Windows wastes the processor.
    enlightened && ["hyperv", {}, ["relaxed", on], ["vapic", on], ["spinlocks", { ...on, retries: 8191 }]],
    inputs.secureBoot && ["smm", on],
  ];
}

export const cpuTree = (virtualisation: Virtualisation): Tree | false =>
  virtualisation !== "test" && ["cpu", { mode: virtualisation === "kvm" ? "host-passthrough" : "maximum" }];

const timers = (enlightened: boolean): Tree[] => [
  ["timer", { name: "rtc", tickpolicy: "catchup" }],
  ["timer", { name: "pit", tickpolicy: "delay" }],
  ["timer", { name: "hpet", present: "no" }],
  ...(enlightened ? [["timer", { name: "hypervclock", present: "yes" }] as Tree] : []),
];

function devices({ inputs, virtualisation, disks, nics, seed }: Resolved): Tree[] {
  const drives: Tree[] = [
    cdTree(SEED_DRIVE, seed?.path, inputs.guest),
    [
      ...cdTree(CD_DRIVE, inputs.cdrom, inputs.guest),
      ["boot", { order: disks.length === 0 ? 1 : 2 }],
    ] as unknown as Tree,
  ];
  const own = [...disks.map((d, i) => diskTree(d, i === 0 ? 1 : undefined)), ...drives, ...nics.map(nicTree)];
  if (virtualisation === "test") return own;
  return [
    ["controller", { type: "pci", model: "pcie-root" }],
    ...Array.from(
      { length: HOTPLUG_PORTS + nics.length + disks.length },
      (): Tree => ["controller", { type: "pci", model: "pcie-root-port" }],
    ),
    SCSI,
    ["controller", { type: "usb", model: "qemu-xhci" }],
    ...own,
    ["serial", { type: "pty" }],
    ["console", { type: "pty" }, ["target", { type: "serial" }]],
    ["channel", { type: "unix" }, ["target", { type: "virtio", name: "org.qemu.guest_agent.0" }]],
    ["input", { type: "tablet", bus: "usb" }],
    inputs.tpm && tpmTree,
    ["graphics", { type: "vnc", autoport: "yes", listen: "127.0.0.1" }],
    ["video", {}, ["model", { type: "vga" }]],
    // Reports let a refresh tell a guest that gave memory back from one that has no balloon driver.
    ["memballoon", { model: "virtio" }, ["stats", { period: 5 }]],
    ["rng", { model: "virtio" }, ["backend", { model: "random" }, "/dev/urandom"]],
  ].filter((tree): tree is Tree => tree !== false);
}

/** A TPM 2.0 emulated by swtpm on the host. */
export const tpmTree: Tree = ["tpm", { model: "tpm-crb" }, ["backend", { type: "emulator", version: "2.0" }]];
