import { createHash } from "node:crypto";
import { joined } from "../paths.js";
import type { Memory, NewDrive, NewMachine, NewNic, Settings, Sole, Vlan } from "../requests/machine.js";
import { cdPlaces, type PlacedDisk, placed } from "./layout.js";
import { type MachineMark, type NicMark, writeMark } from "./mark.js";
import type { Nic } from "./resolve.js";
import type { Seed } from "./seed.js";
import { generationOf, type MachineInputs } from "./types.js";

/** A machine with everything decided. */
export interface Resolved {
  readonly inputs: MachineInputs;
  readonly disks: readonly PlacedDisk[];
  readonly nics: readonly Nic[];
  readonly seed: Seed | undefined;
}

export function markOf({ inputs, disks, nics, seed }: Resolved): MachineMark {
  const { owner, guest, tags = {} } = inputs;
  return {
    owner,
    guest,
    tags,
    disks: disks.map(({ name, path, spelling }) => ({ name, path, spelling })),
    nics: nics.map(({ name, mac, network, bridge, switchId, address }) => ({
      name,
      mac,
      network,
      bridge,
      switchId,
      address,
    })),
    ...(seed === undefined ? {} : { seed: { path: seed.path, digest: seed.digest } }),
  };
}

/** The host starts it by itself, or leaves it as it was; it is shut down with the host, as the guest would be anywhere. */
export const settingsOf = (machine: Resolved, leftover?: string): Settings => ({
  notes: writeMark(machine.inputs.description, {
    ...markOf(machine),
    ...(leftover === undefined ? {} : { leftover }),
  }),
  startAction: machine.inputs.autostart ? "Start" : "Nothing",
});

export function memoryOf({ memory, dynamicMemory: dynamic }: MachineInputs): Memory {
  if (dynamic === undefined) return { startup: memory, dynamic: false };
  const { minimum = memory, maximum, buffer } = dynamic;
  return { startup: memory, dynamic: true, minimum, maximum, buffer };
}

/** Whose keys Secure Boot takes: Microsoft's for Windows are not those by which it signs others' boot loaders. */
export const firmwareOf = ({ inputs: { secureBoot, guest }, disks }: Pick<Resolved, "inputs" | "disks">) => ({
  secureBoot,
  boots: disks[0]?.path,
  template: /^win/i.test(guest ?? "") ? "MicrosoftWindows" : "MicrosoftUEFICertificateAuthority",
});

export const driveOf = ({ controller, number, location, path }: PlacedDisk): NewDrive => ({
  controller,
  number,
  location,
  path,
});

export const vlanOf = ({ vlan }: Pick<Nic, "vlan">): Vlan =>
  vlan === undefined ? { mode: "Untagged" } : { mode: "Access", access: vlan };

export const nicOf = (nic: Nic): NewNic => ({
  name: nic.name,
  mac: nic.mac.replaceAll(":", "").toUpperCase(),
  switchId: nic.connected ? nic.switchId : undefined,
  vlan: nic.vlan === undefined ? undefined : vlanOf(nic),
});

/** A cable that is not plugged in has its address all the same. */
export const soleOf = (name: string, nics: readonly NicMark[]): Sole => ({
  name,
  nics: nics.map(({ mac, switchId, address }) => ({ mac, switchId, address: address?.address })),
});

/**
 * The name of the folder around a machine's own. It says whose the machine is before its notes can: Hyper-V makes a
 * machine in a folder, and takes notes only afterwards.
 */
export const ownFolder = ({ owner, name }: Pick<MachineInputs, "owner" | "name">): string =>
  `crossvisor-${createHash("sha256")
    .update(JSON.stringify([owner, name]))
    .digest("hex")
    .slice(0, 12)}`;

/** All of a new machine, for one request. `folder` is where the host keeps machines. */
export function newMachine(machine: Resolved, folder: string): NewMachine {
  const { inputs, disks, nics, seed } = machine;
  const generation = generationOf(inputs.firmware);
  const cds = cdPlaces(generation);
  return {
    sole: soleOf(inputs.name, nics),
    begun: writeMark(undefined, { ...markOf(machine), making: true }),
    name: inputs.name,
    generation,
    path: joined(folder, ownFolder(inputs)),
    ...settingsOf(machine),
    stopAction: "ShutDown",
    startDelay: 0,
    checkpointType: "Production",
    cpus: inputs.cpus,
    memory: memoryOf(inputs),
    disks: disks.map(driveOf),
    dvds: [
      { ...cds.seed, path: seed?.path },
      { ...cds.cdrom, path: inputs.cdrom },
    ],
    nics: nics.map(nicOf),
    firmware: generation === 2 ? firmwareOf(machine) : undefined,
    tpm: inputs.tpm,
  };
}

export const placedDisks = (inputs: MachineInputs): readonly PlacedDisk[] =>
  placed(generationOf(inputs.firmware), inputs.disks);

/** The folder of what belongs to one machine: its seed lies beside its configuration. */
export const seedFolder = (machines: string): string => joined(machines, "Seeds");
