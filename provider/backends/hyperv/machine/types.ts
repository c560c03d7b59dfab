import type { Observed } from "../../../core/driver.js";
import type { InputsOf, OutputsOf } from "../../../core/kind.js";
import type { Kinds } from "../../../kinds/index.js";

export type Machine = Kinds["VirtualMachine"];
export type MachineInputs = InputsOf<Machine>;
export type MachineOutputs = OutputsOf<Machine>;
export type MachineObserved = Observed<Machine>;
export type DeclaredDisk = MachineInputs["disks"][number];
export type DeclaredNic = MachineInputs["networks"][number];

/** Where a drive is: `SCSI` or `IDE`, the controller's number, the place on it. */
export interface Place {
  readonly controller: "SCSI" | "IDE";
  readonly number: number;
  readonly location: number;
}

/** 1 has a BIOS, 2 has UEFI. Set when a machine is made. */
export const generationOf = (firmware: MachineInputs["firmware"]): 1 | 2 => (firmware === "bios" ? 1 : 2);
