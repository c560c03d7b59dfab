import type { Recorded } from "../../../core/driver.js";
import { fileOf, samePath } from "../paths.js";
import type { AdapterView, DriveView, MachineView, SwitchView } from "../view.js";
import { cdPlaces, isAt } from "./layout.js";
import { type MachineMark, type NicMark, readMark } from "./mark.js";
import type { Machine, MachineInputs, MachineOutputs } from "./types.js";

type Properties = { -readonly [P in keyof MachineInputs]?: MachineInputs[P] | null | undefined };
type DiskInput = MachineInputs["disks"][number];
type NicInput = MachineInputs["networks"][number];

/** Every property that a machine shows, in the words of the kind. */
export function readProperties(
  machine: MachineView,
  switches: readonly SwitchView[],
  recorded: Recorded<Machine> | undefined,
): Partial<MachineInputs> {
  const { text, mark } = readMark(machine.notes);
  const declared = recorded?.inputs ?? {};
  const cds = cdPlaces(machine.generation);
  const medium = (place: "seed" | "cdrom") => machine.dvds.find((d) => isAt(d, cds[place]))?.path ?? "";
  const { memory, firmware } = machine;
  const properties: Properties = {
    owner: mark?.owner,
    name: machine.name,
    description: text || (declared.description === "" ? "" : undefined),
    tags: mark && (declared.tags !== undefined || Object.keys(mark.tags).length > 0) ? mark.tags : undefined,
    guest: mark?.guest,
    cpus: machine.cpus,
    memory: memory.startup,
    // Memory grows while a machine runs without a limit set before, so each declared one is kept.
    maxMemory: declared.maxMemory,
    dynamicMemory: memory.dynamic
      ? { minimum: memory.minimum, maximum: memory.maximum, buffer: memory.buffer }
      : undefined,
    firmware: machine.generation === 1 ? "bios" : "uefi",
    secureBoot: firmware?.secureBoot ?? false,
    tpm: machine.tpm,
    acceleration: declared.acceleration ?? "auto",
    disks: readDisks(machine, mark, declared.disks),
    cdrom: medium("cdrom") || undefined,
    networks: readNics(machine, { mark, switches, declared: declared.networks }),
    cloudInit: hasSeed(mark, medium("seed")) ? undefined : null,
    powerState: powerStateOf(machine.state),
    autostart: machine.startAction === "Start",
  };
  return properties as Partial<MachineInputs>;
}

/** One is not finished while the CD before it may still be there. */
const hasSeed = (mark: MachineMark | undefined, medium: string): boolean =>
  mark?.seed !== undefined && mark.leftover === undefined && samePath(medium, mark.seed.path);

/** States that pass count as what they lead to. */
export function powerStateOf(state: string): MachineInputs["powerState"] {
  if (state === "Running" || state === "Starting" || state === "Resuming") return "running";
  return state === "Paused" || state === "Pausing" ? "paused" : "stopped";
}

export function stateOf(state: string): MachineOutputs["state"] {
  if (state.endsWith("Critical")) return "crashed";
  return state === "Saved" || state === "Saving" ? "suspended" : powerStateOf(state);
}

/** Whether there is a guest that a change could touch. */
export const isUp = (state: string): boolean => !["Off", "Saved"].includes(state) && !state.endsWith("Critical");

/** The disk that boots stands first; the others as they were declared. */
function readDisks(
  machine: MachineView,
  mark: MachineMark | undefined,
  declared: readonly DiskInput[] | undefined,
): DiskInput[] {
  const named = machine.disks.map((drive): DiskInput => {
    const noted = mark?.disks.find((d) => samePath(d.path, drive.path));
    const said = declared?.find((d) => samePath(d.volume ?? d.path ?? "", drive.path));
    const name = noted?.name ?? said?.name ?? placeName(drive);
    const mine = declared?.find((d) => d.name === name);
    // A path has many spellings: the declared one is told where it means the same.
    const spelled = (path: string | undefined) =>
      path !== undefined && samePath(path, drive.path) ? path : drive.path;
    return {
      name,
      ...(mine?.path === undefined ? { volume: spelled(mine?.volume) } : { path: spelled(mine.path) }),
      format: /\.a?vhdx?$/i.test(drive.path) ? "vhdx" : "raw",
      bus: busOf(machine, drive, mine?.bus),
      readOnly: false,
    };
  });
  const order = [bootName(machine, named), ...(mark?.disks.map((d) => d.name) ?? [])];
  return arranged(named, order);
}

const placeName = ({ controller, number, location }: DriveView): string =>
  `${controller.toLowerCase()}-${number}-${location}`;

/** The name of the disk that firmware tries first. */
function bootName(machine: MachineView, named: readonly DiskInput[]): string | undefined {
  const first =
    machine.generation === 1
      ? machine.disks.findIndex((d) => isAt(d, { controller: "IDE", number: 0, location: 0 }))
      : machine.disks.findIndex((d) => d.id === bootDevice(machine));
  return named[first]?.name;
}

const bootDevice = ({ firmware, disks }: MachineView): string | undefined =>
  firmware?.bootOrder.find(({ device }) => disks.some(({ id }) => id === device))?.device;

/** What a bus is called here depends on the generation; each word that means the same place is right. */
function busOf(machine: MachineView, drive: DriveView, declared: DiskInput["bus"] | undefined): DiskInput["bus"] {
  if (drive.controller === "SCSI") return declared === "scsi" ? "scsi" : "virtio";
  const boots = drive.number === 0 && drive.location === 0;
  return boots && machine.generation === 1 && declared !== undefined ? declared : "sata";
}

interface NicSources {
  readonly mark: MachineMark | undefined;
  readonly switches: readonly SwitchView[];
  readonly declared: readonly NicInput[] | undefined;
}

function readNics(machine: MachineView, { mark, switches, declared }: NicSources): NicInput[] {
  const named = machine.nics.map((nic): NicInput => {
    const noted = mark?.nics.find((n) => n.name === nic.name);
    const said = declared?.find((d) => d.name === nic.name);
    return {
      name: nic.name,
      ...sourceOf(nic, { noted, said, switches }),
      mac: nic.mac,
      ...(noted?.address === undefined ? {} : { address: noted.address.address }),
      ...(nic.vlan.mode === "Access" ? { vlan: nic.vlan.access } : {}),
      model: nic.legacy ? "e1000e" : "virtio",
      connected: nic.switchId !== "",
    };
  });
  return arranged(named, mark?.nics.map((n) => n.name) ?? []);
}

/** As it was declared where that is still so; a cable that is not plugged in keeps what it was meant for. */
function sourceOf(
  nic: AdapterView,
  at: {
    readonly noted: NicMark | undefined;
    readonly said: NicInput | undefined;
    readonly switches: readonly SwitchView[];
  },
): Pick<NicInput, "network" | "bridge"> {
  const { noted, said, switches } = at;
  if (noted !== undefined && (nic.switchId === "" || nic.switchId === noted.switchId))
    return noted.bridge === undefined ? { network: noted.network ?? "" } : { bridge: noted.bridge };
  const found = switches.find(({ id }) => id === nic.switchId);
  const isMeant = (word: string | undefined) =>
    word !== undefined && found !== undefined && (word === found.name || word.toLowerCase() === found.id);
  if (isMeant(said?.bridge)) return { bridge: said?.bridge };
  return { network: isMeant(said?.network) ? said?.network : (found?.name ?? "") };
}

function arranged<T extends { readonly name: string }>(
  list: readonly T[],
  order: readonly (string | undefined)[],
): T[] {
  const rank = ({ name }: T) => (order.includes(name) ? order.indexOf(name) : order.length);
  return list.toSorted((a, b) => rank(a) - rank(b));
}

/** What a machine has that no property can say. */
export function beyond(machine: MachineView): readonly string[] {
  const cds = Object.values(cdPlaces(machine.generation));
  return [
    ...machine.dvds
      .filter((dvd) => !cds.some((place) => isAt(dvd, place)))
      .map((dvd) => `the CD drive ${placeName(dvd)}${dvd.path === "" ? "" : ` with ${fileOf(dvd.path)}`}`),
    ...machine.nics
      .filter(({ vlan }) => vlan.mode !== "Untagged" && vlan.mode !== "Access")
      .map(({ name, vlan }) => `the VLAN mode ${vlan.mode} of the interface ${name}`),
    ...machine.snapshots.map(({ name }) => `the checkpoint "${name}"`),
  ];
}
