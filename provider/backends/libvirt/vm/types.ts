import type { Observed } from "../../../core/driver.js";
import type { InputsOf, OutputsOf } from "../../../core/kind.js";
import type { Kinds } from "../../../kinds/index.js";
import type { PoolRef } from "../rpc/types.js";

export type Machine = Kinds["VirtualMachine"];
export type MachineInputs = InputsOf<Machine>;
export type MachineOutputs = OutputsOf<Machine>;
export type MachineObserved = Observed<Machine>;
export type DeclaredDisk = MachineInputs["disks"][number];
export type DeclaredNic = MachineInputs["networks"][number];

/** A disk with everything decided. */
export interface Disk {
  readonly name: string;
  readonly path: string;
  readonly format: "qcow2" | "raw";
  readonly bus: "virtio" | "scsi" | "sata";
  readonly readOnly: boolean;
  /** Device name in the definition: `vda`. */
  readonly target: string;
  /** The pool that holds it, where that had to be asked. */
  readonly pool?: PoolRef | undefined;
}

/** A network interface with everything decided. */
export interface Nic {
  readonly name: string;
  readonly mac: string;
  readonly source: { readonly network: string; readonly uuid: string } | { readonly bridge: string };
  /** How the declaration spelled the network; what exists is reported in the same spelling. */
  readonly spelling: string;
  readonly model: "virtio" | "e1000e";
  readonly connected: boolean;
  /** What the network allotted. */
  readonly address?: Allotted | undefined;
}

export interface Allotted {
  readonly address: string;
  readonly prefix: number;
  readonly gateway: string | undefined;
  readonly dns: readonly string[];
}

/** The CD with the first-boot data. */
export interface Seed {
  readonly pool: string;
  readonly volume: string;
  readonly path: string;
  /** SHA-256 of its bytes, hexadecimal. */
  readonly digest: string;
}

/** How the guest is run: `kvm` on the processor, `qemu` emulated, `test` by libvirt's test driver, not at all. */
export type Virtualisation = "kvm" | "qemu" | "test";

/** A machine with everything decided: what a definition is written from. */
export interface Resolved {
  readonly uuid: string;
  readonly inputs: MachineInputs;
  readonly virtualisation: Virtualisation;
  readonly arch: string;
  readonly disks: readonly Disk[];
  readonly nics: readonly Nic[];
  readonly seed: Seed | undefined;
}

/** Device names of the two CD drives that every machine has, so that a medium can be put in while it runs. */
export const SEED_DRIVE = "sda";
export const CD_DRIVE = "sdb";
export type Drive = typeof SEED_DRIVE | typeof CD_DRIVE;
