import {
  append,
  attribute,
  attributeAt,
  childrenOf,
  type Element,
  elements,
  ensure,
  find,
  removeElement,
  setText,
  sizeAt,
  textAt,
} from "../xml.js";
import { cpuTree, firmwareTrees, notesOf, tpmTree } from "./definition.js";
import { cdTree, diskTree, nicTree, SCSI } from "./devices.js";
import { layerOf, sourceOf } from "./located.js";
import { type Notes, readNotes, writeNotes } from "./notes.js";
import { diskAt, disksOf, macOf, nicAt, ourDisks, ourNics, targetOf } from "./ours.js";
import { CD_DRIVE, type Disk, type Drive, type MachineInputs, type Nic, type Resolved, SEED_DRIVE } from "./types.js";

/**
 * Brings a definition to what is wanted, for the properties that changed. Everything else in it stays as it is:
 * elements that crossvisor did not write, and properties that did not change.
 */
export function edit(
  config: Element,
  machine: Resolved,
  changed: ReadonlySet<string>,
  { live, kept }: Beside = {},
): void {
  const { inputs } = machine;
  if (changed.has("description")) setText(config, "description", inputs.description);
  if (changed.has("cpus") || changed.has("maxCpus")) editCpus(config, machine);
  if (changed.has("memory") || changed.has("maxMemory")) editMemory(config, machine);
  if (changed.has("firmware") || changed.has("secureBoot")) editFirmware(config, machine);
  if (changed.has("tpm")) editTpm(config, inputs.tpm);
  if (changed.has("acceleration") && machine.virtualisation !== "test") editProcessor(config, machine);
  if (changed.has("disks")) editDisks(config, machine, live);
  if (changed.has("networks")) editNics(config, machine, live);
  if (changed.has("cdrom")) setMedium(config, CD_DRIVE, inputs.cdrom, inputs.guest);
  editSeed(config, machine);
  if (changed.size > 0 && machine.virtualisation !== "test") addScsi(config);
  writeNotes(config, { ...notesOf(machine), ...kept });
}

interface Beside {
  /** What runs: a device that was plugged in has the same place in the definition. */
  readonly live?: Element | undefined;
  /** Notes that stay as they are. */
  readonly kept?: Partial<Notes> | undefined;
}

/** Without a word libvirt builds in an LSI controller, which kernels for clouds do not know. An adopted machine may have none. */
function addScsi(config: Element): void {
  const devices = ensure(config, "devices");
  const isScsi = (e: Element) => attribute(e, "type") === "scsi";
  if (childrenOf(devices, "controller").some(isScsi)) return;
  if (disksOf(config).some((d) => attributeAt(d, "target", "bus") === "scsi")) append(devices, SCSI);
}

/** The drive gets our seed, or loses it. A medium that is not ours (an adopted machine's) stays where it is. */
function editSeed(config: Element, { seed, inputs }: Resolved): void {
  const medium = sourceOf(diskAt(config, SEED_DRIVE));
  const isOurs = medium === undefined || medium === readNotes(config)?.seed?.path;
  if (medium !== seed?.path && isOurs) setMedium(config, SEED_DRIVE, seed?.path, inputs.guest);
}

/** Why a CD drive cannot be used: an adopted machine has something of its own under that name. `ours` may lie in it. */
export function driveFault(config: Element, drive: Drive, ours?: string): string | undefined {
  const there = diskAt(config, drive);
  if (there === undefined) return undefined;
  if (attribute(there, "device") !== "cdrom")
    return `the machine has a disk of its own at "${drive}", where a CD drive is wanted`;
  const medium = sourceOf(there);
  const isFree = drive === CD_DRIVE || medium === undefined || medium === ours;
  return isFree ? undefined : `the CD drive "${drive}" holds ${medium}, and the first-boot CD belongs there`;
}

/** The most processors that a definition gets: what is not declared stays, as far as it is enough. */
export const wantedCpus = (config: Element, { cpus = 0, maxCpus }: Partial<MachineInputs>): number =>
  Math.max(maxCpus ?? Number(textAt(config, "vcpu") ?? 1), cpus);

/** The most memory that a definition gets, in bytes. */
export const wantedMemory = (config: Element, { memory = 0, maxMemory }: Partial<MachineInputs>): number =>
  Math.max(maxMemory ?? sizeAt(config, "memory", "KiB") ?? 0, memory);

function editCpus(config: Element, { inputs }: Resolved): void {
  const vcpu = ensure(config, "vcpu");
  const most = wantedCpus(config, inputs);
  vcpu.textContent = String(most);
  if (inputs.cpus < most) vcpu.setAttribute("current", String(inputs.cpus));
  else vcpu.removeAttribute("current");
  // Single processors that are listed by name would contradict the new numbers.
  removeElement(find(config, "vcpus"));
}

function editMemory(config: Element, { inputs }: Resolved): void {
  for (const [name, bytes] of [
    ["memory", wantedMemory(config, inputs)],
    ["currentMemory", inputs.memory],
  ] as const) {
    const element = ensure(config, name);
    element.setAttribute("unit", "KiB");
    element.textContent = String(bytes / 1024);
  }
}

function editFirmware(config: Element, { inputs }: Resolved): void {
  const os = ensure(config, "os");
  for (const name of ["firmware", "loader", "nvram"]) removeElement(find(os, name));
  if (inputs.firmware === "uefi") os.setAttribute("firmware", "efi");
  else os.removeAttribute("firmware");
  for (const tree of firmwareTrees(inputs.firmware, inputs.secureBoot)) append(os, tree);
  removeElement(find(config, "features/smm"));
  if (inputs.secureBoot) append(ensure(config, "features"), ["smm", { state: "on" }]);
}

function editTpm(config: Element, wanted: boolean): void {
  const there = find(config, "devices/tpm");
  if (!wanted) removeElement(there);
  else if (there === undefined) append(ensure(config, "devices"), tpmTree);
}

function editProcessor(config: Element, { virtualisation }: Resolved): void {
  config.setAttribute("type", virtualisation);
  removeElement(find(config, "cpu"));
  const cpu = cpuTree(virtualisation);
  if (cpu) append(config, cpu);
}

function editDisks(config: Element, { disks, inputs }: Resolved, live: Element | undefined): void {
  const devices = ensure(config, "devices");
  const wanted = new Set(disks.map((d) => d.target));
  for (const disk of ourDisks(config, readNotes(config), inputs.disks))
    if (!wanted.has(targetOf(disk))) removeElement(disk);
  for (const disk of disks) {
    const there = diskAt(config, disk.target);
    if (there && attributeAt(there, "target", "bus") !== disk.bus) {
      removeElement(there);
      append(devices, diskTree(disk));
    } else if (there === undefined) place(devices, append(devices, diskTree(disk)), live && diskAt(live, disk.target));
    else editDisk(there, disk);
  }
  editBoot(config, disks);
}

function editDisk(there: Element, disk: Disk): void {
  if (sourceOf(there) !== disk.path) {
    const [, attributes = {}, ...content] = diskTree(disk);
    there.setAttribute("type", String(attributes["type"]));
    removeElement(find(there, "source"));
    removeElement(find(there, "backingStore"));
    const source = content.find((c) => Array.isArray(c) && c[0] === "source");
    if (Array.isArray(source)) append(there, source as never);
  }
  // The file that a snapshot laid over it has a format of its own.
  if (layerOf(there) === undefined && (attributeAt(there, "driver", "type") ?? "raw") !== disk.format)
    ensure(there, "driver").setAttribute("type", disk.format);
  if (!disk.readOnly) removeElement(find(there, "readonly"));
  else ensure(there, "readonly");
}

/**
 * The first disk boots, then the CD. Devices of others keep their order, which no two may share; a definition that
 * chooses by kinds of devices (`os/boot`, an adopted machine's) takes no orders beside it and stays as it is.
 */
function editBoot(config: Element, disks: readonly Disk[]): void {
  if (find(config, "os/boot") !== undefined) return;
  const mine = disks.flatMap(({ target }) => diskAt(config, target) ?? []);
  const drive = diskAt(config, CD_DRIVE);
  const cd = drive && attribute(drive, "device") === "cdrom" && find(drive, "boot") ? drive : undefined;
  const others = elements(ensure(config, "devices")).filter((e) => e !== cd && !mine.includes(e));
  const taken = new Set(others.map((e) => Number(attributeAt(e, "boot", "order"))));
  const free = Array.from({ length: taken.size + 2 }, (_, i) => i + 1).filter((order) => !taken.has(order));
  for (const [i, disk] of mine.entries()) setBoot(disk, i === 0 ? free.shift() : undefined);
  if (cd) setBoot(cd, free.shift());
}

const setBoot = (device: Element, order: number | undefined): void => {
  if (attributeAt(device, "boot", "order") === (order === undefined ? undefined : String(order))) return;
  removeElement(find(device, "boot"));
  if (order !== undefined) append(device, ["boot", { order }]);
};

function editNics(config: Element, { nics, inputs }: Resolved, live: Element | undefined): void {
  const devices = ensure(config, "devices");
  for (const nic of ourNics(config, readNotes(config), inputs.networks))
    if (!nics.some((n) => n.mac === macOf(nic))) removeElement(nic);
  for (const nic of nics) {
    const there = nicAt(config, nic.mac);
    if (there === undefined) place(devices, append(devices, nicTree(nic)), live && nicAt(live, nic.mac));
    else editNic(there, nic);
  }
}

/** Changes an interface's source, model and cable; its address on the bus and what others wrote into it stay. */
export function editNic(there: Element, nic: Nic): void {
  const isNetwork = "network" in nic.source;
  const [kind, key] = isNetwork ? ["network", "network"] : ["bridge", "bridge"];
  const name = "network" in nic.source ? nic.source.network : nic.source.bridge;
  if (attribute(there, "type") !== kind || attributeAt(there, "source", key) !== name) {
    there.setAttribute("type", kind);
    removeElement(find(there, "source"));
    append(there, ["source", { [key]: name }]);
  }
  if ((attributeAt(there, "model", "type") ?? "virtio") !== nic.model)
    ensure(there, "model").setAttribute("type", nic.model);
  if ((attributeAt(there, "link", "state") !== "down") === nic.connected) return;
  removeElement(find(there, "link"));
  if (!nic.connected) append(there, ["link", { state: "down" }]);
}

/** A device that was plugged in while it runs gets the same place in the definition, so that it keeps its name later. */
function place(devices: Element, made: Element, running: Element | undefined): void {
  const address = running && find(running, "address");
  if (address === undefined || occupied(devices, address)) return;
  append(made, ["address", Object.fromEntries(Array.from(address.attributes).map((a) => [a.name, a.value]))]);
}

const occupied = (devices: Element, address: Element): boolean => {
  const key = (e: Element | undefined) =>
    e &&
    ["type", "domain", "bus", "slot", "function", "controller", "target", "unit"]
      .map((n) => attribute(e, n) ?? "")
      .join(",");
  return elements(devices).some((d) => key(childrenOf(d, "address")[0]) === key(address));
};

/** Puts a medium into a CD drive of a definition, or takes it out. */
export function setMedium(config: Element, drive: Drive, path: string | undefined, guest: string | undefined): void {
  const there = diskAt(config, drive);
  if (there === undefined) {
    if (path !== undefined) append(ensure(config, "devices"), cdTree(drive, path, guest));
    return;
  }
  removeElement(find(there, "source"));
  removeElement(find(there, "backingStore"));
  // Somebody else's drive may be one of the host, or hold a volume by its name.
  there.setAttribute("type", "file");
  if (path !== undefined) append(there, ["source", { file: path }]);
}
