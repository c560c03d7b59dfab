import { kind, type Problem } from "../core/kind.js";
import { bytes, choice, flag, integer, list, map, type Normal, object, seconds, text } from "../core/schema.js";
import { checkCidr, checkIPv4, checkMac } from "./address.js";
import { checkAbsolutePath, checkName, checkText, common, sameName } from "./common.js";

const MIB = 2 ** 20;

const disk = object(
  {
    name: text({
      doc: "Identity of the disk in this list: it stays the same disk when the list's order changes. Default: `disk` and its place.",
      required: true,
      check: (v) => (/^[A-Za-z0-9_-]{1,20}$/.test(v) ? undefined : "must be 1 to 20 letters, digits, - or _"),
    }),
    volume: text({
      doc: "The volume: a Volume, or the absolute path of one.",
      onChange: "restart",
      reference: { kind: "Volume", output: "path", otherwise: "path" },
      check: checkAbsolutePath,
    }),
    path: text({
      doc: "Absolute path of a disk file or block device that is not managed here.",
      onChange: "restart",
      check: checkAbsolutePath,
    }),
    format: choice(["qcow2", "raw", "vhdx"], {
      doc: "Format of the file. Default: what the host says of it.",
      onChange: "restart",
      keep: true,
    }),
    bus: choice(["virtio", "scsi", "sata"], {
      doc: "How the guest sees it; `virtio`: the host's own fast way.",
      default: "virtio",
      onChange: "restart",
    }),
    readOnly: flag({ doc: "The guest cannot write to it.", default: false, onChange: "restart" }),
  },
  { doc: "One disk." },
);

const nic = object(
  {
    name: text({
      doc: "Identity of the interface in this list. Default: `nic` and its place.",
      required: true,
      check: (v) => (/^[A-Za-z0-9_-]{1,20}$/.test(v) ? undefined : "must be 1 to 20 letters, digits, - or _"),
    }),
    network: text({
      doc: "The network: a Network, or the name or id of one.",
      reference: { kind: "Network", output: "id" },
      check: checkText,
    }),
    bridge: text({ doc: "Bridge of the host, instead of a network.", check: checkText }),
    mac: text({
      doc: "MAC address, lower case. Default: derived from the machine's identity and the interface's name.",
      keep: true,
      check: checkMac,
    }),
    address: text({
      doc: "Wanted IPv4 address; on a network with `managed` addressing. Default: allotted.",
      keep: true,
      check: checkIPv4,
    }),
    vlan: integer({
      doc: "VLAN that its packets are in, 1 to 4094; the guest sees them untagged. Default: none.",
      min: 1,
      max: 4094,
    }),
    model: choice(["virtio", "e1000e"], {
      doc: "The device that the guest sees; `virtio`: the host's own fast one.",
      default: "virtio",
    }),
    connected: flag({ doc: "Whether the cable is plugged in.", default: true }),
  },
  { doc: "One network interface." },
);

const cloudInit = object(
  {
    userData: text({
      doc: "cloud-init user data: a `#cloud-config` document, a script, or any of its other forms.",
      secret: true,
    }),
    metaData: text({
      doc: "NoCloud meta-data as YAML or JSON. `instance-id` and `local-hostname` are added where it lacks them.",
    }),
    networkConfig: text({
      doc: "Network configuration (netplan version 2). Default: one entry for each interface, found by its MAC.",
    }),
  },
  {
    doc: "First-boot data, given to the guest as a NoCloud CD. An edit swaps the CD; a guest reads it again at its next boot.",
    unobserved: true,
  },
);

const shutdown = object(
  {
    method: choice(["auto", "agent", "acpi"], {
      doc: "`auto`: the guest agent when it is connected, else ACPI.",
      default: "auto",
    }),
    timeout: seconds({
      doc: 'How long the guest may take, in seconds or text such as "2m".',
      default: 60,
      min: 1,
      max: 86400,
    }),
    onTimeout: choice(["force", "fail"], {
      doc: "`force`: power it off then. `fail`: leave it running and say so.",
      default: "force",
    }),
  },
  { doc: "How it is shut down.", default: {}, policy: true },
);

const waitForAddress = object(
  {
    nic: text({ doc: "Only an address of this interface counts." }),
    family: choice(["ipv4", "ipv6", "any"], { doc: "Only an address of this family counts.", default: "ipv4" }),
    cidr: text({ doc: "Only an address inside this network counts.", check: checkCidr }),
    timeout: seconds({ doc: "How long to wait, in seconds or text.", default: 300, min: 1, max: 86400 }),
  },
  {
    doc: "A creation or start is done only when the guest has an address. Without it nothing is waited for, and at refresh never. An address that the network allots (`managed` addressing) is there before the guest has booted.",
    policy: true,
  },
);

const dynamicMemory = object(
  {
    minimum: bytes({
      doc: "Least that the guest is left with. Default: `memory`.",
      min: 16 * MIB,
      multipleOf: MIB,
    }),
    maximum: bytes({
      doc: "Most that the guest is given.",
      required: true,
      min: 16 * MIB,
      multipleOf: MIB,
    }),
    buffer: integer({
      doc: "Memory held ready, in percent of what the guest uses, 5 to 2000.",
      default: 20,
      min: 5,
      max: 2000,
    }),
  },
  {
    doc: "The host gives and takes memory as the guest needs it; `memory` is what it starts with.",
    onChange: "restart",
  },
);

const properties = {
  ...common,
  name: text({
    doc: "Name on the host. Default: the resource's name.",
    required: true,
    onChange: "replace",
    check: checkName,
  }),
  description: text({ doc: "Free text kept with it.", check: checkText, examples: ["first", "second"] }),
  tags: map(text({ doc: "Value of the tag.", check: checkText }), {
    doc: "Names and values kept with it.",
    examples: [{ a: "1" }, { a: "2", b: "3" }],
  }),
  cpus: integer({
    doc: "Virtual processors, 1 to 512.",
    default: 1,
    min: 1,
    max: 512,
    onChange: "restart",
    examples: [1, 2],
  }),
  maxCpus: integer({
    doc: "How far `cpus` can grow without a restart, 1 to 512. Default: `cpus` when it is made.",
    follows: "cpus",
    min: 1,
    max: 512,
    keep: true,
    onChange: "restart",
  }),
  memory: bytes({
    doc: 'Memory: bytes or text such as "2GiB"; a multiple of 1MiB.',
    default: "1GiB",
    min: 16 * MIB,
    multipleOf: MIB,
    onChange: "restart",
    examples: ["64MiB", "96MiB"],
  }),
  maxMemory: bytes({
    doc: "How far `memory` can grow without a restart. Default: `memory` when it is made. The guest needs a balloon driver to give memory back.",
    follows: "memory",
    min: 16 * MIB,
    multipleOf: MIB,
    keep: true,
    onChange: "restart",
  }),
  dynamicMemory,
  firmware: choice(["uefi", "bios"], { doc: "Firmware that boots the guest.", default: "uefi", onChange: "restart" }),
  secureBoot: flag({ doc: "Only signed boot loaders start. Needs `uefi`.", default: false, onChange: "restart" }),
  tpm: flag({ doc: "A TPM 2.0. Taking it away destroys its contents.", default: false, onChange: "restart" }),
  guest: text({
    doc: "The guest system as an osinfo short id: `debian12`, `win2k22`.",
    onChange: "live",
    check: checkText,
  }),
  acceleration: choice(["auto", "required", "none"], {
    doc: "`auto`: hardware virtualisation where the host has it, else emulation, which is said. `required`: never emulation. `none`: always emulation.",
    default: "auto",
    onChange: "restart",
  }),
  disks: list(disk, { doc: "Disks; the first one boots.", default: [], key: { field: "name", prefix: "disk" } }),
  cdrom: text({ doc: "Absolute path of a CD image on the host. Swapped in place.", check: checkAbsolutePath }),
  networks: list(nic, { doc: "Network interfaces.", default: [], key: { field: "name", prefix: "nic" } }),
  cloudInit,
  powerState: choice(["running", "stopped", "paused"], {
    doc: "What it shall be doing.",
    default: "running",
    examples: ["running", "paused"],
  }),
  autostart: flag({ doc: "Start it when the host starts.", default: false, examples: [false, true] }),
  shutdown,
  restartPolicy: choice(["ifNeeded", "never"], {
    doc: "May an update restart the guest? `never` turns a change that needs it into an error at preview.",
    default: "ifNeeded",
    policy: true,
  }),
  allowSnapshotLoss: flag({
    doc: "The explicit word without which a machine that has snapshots on the host is not deleted or replaced: they go with it.",
    default: false,
    policy: true,
  }),
  waitForAddress,
} as const;

type Declared = Partial<Normal<typeof properties>>;
// An element that is not known yet is `undefined`.
type Disk = NonNullable<Declared["disks"]>[number];
type Nic = NonNullable<Declared["networks"]>[number];

export const VirtualMachine = kind({
  name: "VirtualMachine",
  title: "virtual machine",
  doc: "A virtual machine.",
  properties,
  outputs: {
    state: choice(["running", "stopped", "paused", "crashed", "suspended"], {
      doc: "What it is doing.",
      required: true,
    }),
    ipAddress: text({
      doc: "The first address that is not local to the guest; of `waitForAddress` where that is declared.",
    }),
    addresses: map(list(text({ doc: "An address." }), { doc: "Addresses of one interface." }), {
      doc: "Addresses by interface name.",
      required: true,
    }),
    macs: map(text({ doc: "A MAC address." }), { doc: "MAC addresses by interface name.", required: true }),
    instance: integer({ doc: "Number of the host's process for it, while it runs: another one after every start." }),
    console: text({ doc: "Path of the serial console on the host, while it runs and has one." }),
    host: text({ doc: "The host it is on.", required: true }),
  },
  rules: (d) => [...sizeRules(d), ...deviceRules(d)],
  clash: (mine, other, who) => [...sameName(mine, other, who), ...sharedDevices(mine, other, who)],
  forbids: (effect, { restartPolicy }) =>
    effect !== "live" && restartPolicy === "never"
      ? 'restartPolicy is "never": set it to "ifNeeded", or stop the machine first'
      : undefined,
});

function sizeRules({
  cpus,
  maxCpus,
  memory,
  maxMemory,
  dynamicMemory: dynamic,
  firmware,
  secureBoot,
}: Declared): Problem[] {
  const problems: Problem[] = [];
  if (memory !== undefined && dynamic?.minimum !== undefined && dynamic.minimum > memory)
    problems.push({ path: "dynamicMemory.minimum", reason: "must not be larger than memory" });
  if (memory !== undefined && dynamic?.maximum !== undefined && dynamic.maximum < memory)
    problems.push({ path: "dynamicMemory.maximum", reason: "must be at least as large as memory" });
  if (cpus !== undefined && maxCpus !== undefined && maxCpus < cpus)
    problems.push({ path: "maxCpus", reason: `must be at least cpus, which is ${cpus}` });
  if (memory !== undefined && maxMemory !== undefined && maxMemory < memory)
    problems.push({ path: "maxMemory", reason: "must be at least as large as memory" });
  if (secureBoot === true && firmware === "bios")
    problems.push({ path: "secureBoot", reason: 'must not be true with firmware "bios": only "uefi" has it' });
  return problems;
}

function deviceRules({ disks, networks, waitForAddress: wait }: Declared): Problem[] {
  const problems: Problem[] = [];
  disks?.forEach((d: Disk | undefined, i) => {
    if (d === undefined) return;
    if (!("volume" in d || "path" in d))
      problems.push({ path: `disks[${i}]`, reason: "must have a `volume` or a `path`" });
    if ("volume" in d && "path" in d)
      problems.push({ path: `disks[${i}].path`, reason: "must not be given with `volume`" });
  });
  twice(
    disks?.map((d: Disk | undefined) => d?.volume ?? d?.path),
    (i, v) => problems.push({ path: `disks[${i}]`, reason: `"${v}" is already another disk` }),
  );
  networks?.forEach((n: Nic | undefined, i) => {
    if (n === undefined) return;
    if (!("network" in n || "bridge" in n))
      problems.push({ path: `networks[${i}]`, reason: "must have a `network` or a `bridge`" });
    if ("network" in n && "bridge" in n)
      problems.push({ path: `networks[${i}].bridge`, reason: "must not be given with `network`" });
  });
  twice(
    networks?.map((n: Nic | undefined) => n?.mac),
    (i, v) => problems.push({ path: `networks[${i}].mac`, reason: `"${v}" is already the MAC of another interface` }),
  );
  twice(
    networks?.map((n: Nic | undefined) => n?.address),
    (i, v) =>
      problems.push({ path: `networks[${i}].address`, reason: `"${v}" is already the address of another interface` }),
  );
  const names = networks?.map((n: Nic | undefined) => n?.name);
  if (wait?.nic !== undefined && names !== undefined && !names.includes(undefined) && !names.includes(wait.nic))
    problems.push({ path: "waitForAddress.nic", reason: `"${wait.nic}" is not the name of an interface in networks` });
  return problems;
}

/** A file that two machines write to is destroyed, and a MAC or an address that two have reaches neither. */
function sharedDevices(mine: Declared, other: Declared, who: string): Problem[] {
  const problems: Problem[] = [];
  const files = other.disks?.flatMap((d: Disk | undefined) => (d?.readOnly === false ? [d.volume ?? d.path] : []));
  mine.disks?.forEach((d: Disk | undefined, i) => {
    const path = d?.volume ?? d?.path;
    if (path !== undefined && d?.readOnly === false && files?.includes(path))
      problems.push({ path: `disks[${i}]`, reason: `"${path}" is a disk of ${who} too, and both write to it` });
  });
  const nics: readonly (Nic | undefined)[] = other.networks ?? [];
  mine.networks?.forEach((n: Nic | undefined, i) => {
    if (n?.mac !== undefined && nics.some((o) => o?.mac === n.mac))
      problems.push({ path: `networks[${i}].mac`, reason: `"${n.mac}" is the MAC of ${who} too: choose another` });
    const sharing = (o: Nic | undefined) => o?.address === n?.address && o?.network === n?.network;
    if (n?.address !== undefined && n.network !== undefined && nics.some(sharing))
      problems.push({ path: `networks[${i}].address`, reason: `"${n.address}" is an address of ${who} too` });
  });
  return problems;
}

function twice(
  values: readonly (string | undefined)[] | undefined,
  found: (index: number, value: string) => void,
): void {
  values?.forEach((v, i) => {
    if (v !== undefined && values.indexOf(v) < i) found(i, v);
  });
}
