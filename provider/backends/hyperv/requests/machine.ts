import type { Agent } from "../agent/agent.js";
import { fields, flag, optional } from "../decode.js";
import { type MachineView, machine } from "../view.js";
import { change, read, type Waiting, work } from "./ask.js";

export interface Settings {
  readonly notes?: string | undefined;
  readonly startAction?: "Nothing" | "StartIfRunning" | "Start" | undefined;
  readonly stopAction?: "TurnOff" | "Save" | "ShutDown" | undefined;
  /** Seconds. */
  readonly startDelay?: number | undefined;
  readonly checkpointType?: "Disabled" | "Production" | "ProductionOnly" | "Standard" | undefined;
}
/** Bytes. What is left out stays; `startup` is needed always. */
export interface Memory {
  readonly startup: number;
  readonly dynamic?: boolean | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  /** Per cent that the host keeps ready beside what the guest uses. */
  readonly buffer?: number | undefined;
}
export interface Processor {
  readonly cpus?: number | undefined;
  readonly nested?: boolean | undefined;
}
export interface Firmware {
  readonly secureBoot: boolean;
  /** `MicrosoftWindows` or `MicrosoftUEFICertificateAuthority`. */
  readonly template?: string | undefined;
  /** Path of the disk that boots before all others; default: the one in the first place. */
  readonly boots?: string | undefined;
}
export interface NewDrive {
  readonly controller: "IDE" | "SCSI";
  readonly number: number;
  readonly location: number;
  readonly path: string;
}
/** A CD drive; without a path it has no medium. The generation decides about its controller. */
export interface NewDvd {
  readonly number: number;
  readonly location: number;
  readonly path?: string | undefined;
}
export interface NicSettings {
  /** Id of the switch; left out, it stays as it is. */
  readonly switchId?: string | undefined;
  readonly spoofing?: boolean | undefined;
  readonly vlan?: Vlan | undefined;
}
export type Vlan =
  | { readonly mode: "Untagged" }
  | { readonly mode: "Access"; readonly access: number }
  | { readonly mode: "Trunk"; readonly native: number; readonly allowed: string };
export interface NewNic extends NicSettings {
  readonly name: string;
  /** In any spelling; left out, Hyper-V chooses one at the first start. */
  readonly mac?: string | undefined;
}

/** What no other machine of the host may have; asked where nobody else changes machines meanwhile. */
export interface Sole {
  readonly name: string;
  /** `mac` as in marks. */
  readonly nics: readonly { readonly mac: string; readonly switchId: string; readonly address?: string | undefined }[];
}

export interface NewMachine extends Settings, Processor {
  readonly sole: Sole;
  /** Notes of the machine until it is complete. */
  readonly begun?: string | undefined;
  readonly name: string;
  readonly generation: 1 | 2;
  /** Folder in which Hyper-V makes one of the machine's name. */
  readonly path: string;
  readonly memory: Memory;
  readonly disks: readonly NewDrive[];
  readonly dvds: readonly NewDvd[];
  readonly nics: readonly NewNic[];
  /** For generation 2. */
  readonly firmware?: Firmware | undefined;
  readonly tpm: boolean;
}

const settings = ({ notes, startAction, stopAction, startDelay, checkpointType }: Settings) => ({
  notes,
  startAction,
  stopAction,
  startDelay,
  checkpointType,
});
const memory = ({ startup, dynamic, minimum, maximum, buffer }: Memory) => ({
  startup,
  dynamic,
  minimum,
  maximum,
  buffer,
});
/** As Hyper-V writes it. */
const digits = (mac: string): string => mac.replace(/[^0-9A-Fa-f]/g, "").toUpperCase();
const processor = ({ cpus, nested }: Processor) => ({ cpus, nested });
const firmware = ({ secureBoot, template, boots }: Firmware) => ({ secureBoot, template, boots });
const sole = ({ name, nics }: Sole) => ({
  name,
  nics: nics.map(({ mac, switchId, address }) => ({ mac, switchId, address })),
});
const dvd = ({ number, location, path }: NewDvd) => ({ number, location, path });
const nicSettings = ({ switchId, spoofing, vlan }: NicSettings) => ({ switchId, spoofing, vlan });
const newNic = (n: NewNic) => ({
  name: n.name,
  mac: n.mac === undefined ? undefined : digits(n.mac),
  ...nicSettings(n),
});

const found = fields({ machine: optional(machine) });

/** `undefined` when the host lists its machines and this is not among them. */
export const getMachine = async (agent: Agent, id: string, waiting?: Waiting): Promise<MachineView | undefined> =>
  (await read(agent, "vm.get", { id }, found, waiting)).machine;

/**
 * Makes it with all its parts, off. A failure leaves nothing of it; disks are not its own and stay. `exists` when another
 * machine has what is to be its own alone.
 */
export const createMachine = (agent: Agent, wanted: NewMachine, waiting?: Waiting): Promise<MachineView> => {
  const args = {
    sole: sole(wanted.sole),
    begun: wanted.begun,
    name: wanted.name,
    generation: wanted.generation,
    path: wanted.path,
    tpm: wanted.tpm,
    ...settings(wanted),
    ...processor(wanted),
    memory: memory(wanted.memory),
    firmware: wanted.firmware && firmware(wanted.firmware),
    disks: wanted.disks,
    dvds: wanted.dvds.map(dvd),
    nics: wanted.nics.map(newNic),
  };
  return change(agent, "vm.create", args, machine, waiting);
};

/** `id` is that of the part. */
export type MachineChange =
  | { readonly what: "name"; readonly with: { readonly name: string } }
  | { readonly what: "settings"; readonly with: Settings }
  | { readonly what: "memory"; readonly with: Memory }
  | { readonly what: "processor"; readonly with: Processor }
  | { readonly what: "firmware"; readonly with: Firmware }
  | { readonly what: "tpm"; readonly with: { readonly wanted: boolean } }
  | { readonly what: "disk.add"; readonly with: NewDrive }
  | { readonly what: "disk.remove" | "dvd.remove" | "nic.remove" | "nic.disconnect"; readonly with: { id: string } }
  | { readonly what: "dvd.add"; readonly with: NewDvd }
  | { readonly what: "dvd.set"; readonly with: { readonly id: string; readonly path: string } }
  | { readonly what: "nic.add"; readonly with: NewNic }
  | { readonly what: "nic.set"; readonly with: NicSettings & { readonly id: string } }
  | { readonly what: "nic.mac"; readonly with: { readonly id: string; readonly mac: string } }
  /** Deletes a file that nothing of the machine names any more, where it is there. */
  | { readonly what: "file.remove"; readonly with: { readonly path: string } };

/** Scripts read every name, so each change has all of its own. */
function complete(change: MachineChange): unknown {
  switch (change.what) {
    case "settings":
      return { what: change.what, with: settings(change.with) };
    case "memory":
      return { what: change.what, with: memory(change.with) };
    case "processor":
      return { what: change.what, with: processor(change.with) };
    case "firmware":
      return { what: change.what, with: firmware(change.with) };
    case "dvd.add":
      return { what: change.what, with: dvd(change.with) };
    case "nic.add":
      return { what: change.what, with: newNic(change.with) };
    case "nic.set":
      return { what: change.what, with: { id: change.with.id, ...nicSettings(change.with) } };
    case "nic.mac":
      return { what: change.what, with: { id: change.with.id, mac: digits(change.with.mac) } };
    default:
      return change;
  }
}

export interface MachineEdit {
  readonly changes: readonly MachineChange[];
  /** What they claim for this machine alone: `exists` when another one has it, and nothing is changed then. */
  readonly sole?: Sole | undefined;
}

/** Makes changes in their order, up to the first that fails. What needs a machine that is off is refused by Hyper-V. */
export const updateMachine = (agent: Agent, id: string, edit: MachineEdit, waiting?: Waiting): Promise<MachineView> => {
  const args = { id, changes: edit.changes.map(complete), sole: edit.sole && sole(edit.sole) };
  return change(agent, "vm.update", args, machine, waiting);
};

/** Starts, resumes or wakes it; one that runs is left alone. */
export const startMachine = (agent: Agent, id: string, waiting?: Waiting): Promise<MachineView> =>
  change(agent, "vm.start", { id }, machine, waiting);

/** Pauses one that runs. */
export const pauseMachine = (agent: Agent, id: string, waiting?: Waiting): Promise<MachineView> =>
  change(agent, "vm.pause", { id }, machine, waiting);

/**
 * Asks the guest to shut down and gives it so many seconds, then turns it off where `force` allows that, else throws
 * `timeout`. With 0 seconds it is turned off at once. A saved state is thrown away.
 */
export const stopMachine = (
  agent: Agent,
  id: string,
  how: { readonly seconds: number; readonly force: boolean },
  waiting?: Waiting,
): Promise<MachineView> => work(agent, "vm.stop", { id, seconds: how.seconds, force: how.force }, machine, waiting);

export interface Removal {
  /** Checkpoints may go with it; else they are refused (`failed`). */
  readonly snapshots: boolean;
  /** Files that go with it: its seed. Disks stay unless they are named. */
  readonly files: readonly string[];
}

/** Removes one that is off or saved; whether it was there. */
export const removeMachine = async (
  agent: Agent,
  id: string,
  removal: Removal,
  waiting?: Waiting,
): Promise<boolean> => {
  const { snapshots, files } = removal;
  return (await change(agent, "vm.remove", { id, snapshots, files }, fields({ removed: flag }), waiting)).removed;
};
