import type { Problem } from "../../../core/kind.js";
import { showBytes } from "../../../core/units.js";
import type { MachineInputs } from "./types.js";

type Declared = Partial<MachineInputs>;
type Disk = Partial<NonNullable<Declared["disks"]>[number]>;
type Nic = Partial<NonNullable<Declared["networks"]>[number]>;

/** Least memory of a machine (New-VM, MemoryStartupBytes). */
const LEAST = 32 * 2 ** 20;

/** What Hyper-V does not have, inside of what it has. */
export function limits(declared: Declared): readonly Problem[] {
  const { disks = [], networks = [], firmware, tpm, acceleration, memory } = declared;
  const problems: Problem[] = [];
  const refuse = (path: string, reason: string) => problems.push({ path, reason });
  if (acceleration === "none") refuse("acceleration", 'must not be "none" on this host, which emulates no processors');
  if (tpm === true && firmware === "bios") refuse("tpm", 'must not be true with firmware "bios" on this host');
  if (memory !== undefined && memory < LEAST) refuse("memory", `must be at least ${showBytes(LEAST)} on this host`);
  disks.forEach((disk: Disk | undefined, i) => {
    const at = `disks[${i}]`;
    if (disk?.format !== undefined && disk.format !== "vhdx")
      refuse(`${at}.format`, `must be "vhdx" on this host, not "${disk.format}": leave it out`);
    if (disk?.readOnly === true)
      refuse(`${at}.readOnly`, "must not be true on this host, whose guests write to every disk");
    if (disk?.bus === "sata" && firmware !== "bios" && firmware !== undefined)
      refuse(`${at}.bus`, 'must not be "sata" with firmware "uefi" on this host: leave it out, or use "scsi"');
  });
  networks.forEach((nic: Nic | undefined, i) => {
    if (nic?.model === "e1000e")
      refuse(`networks[${i}].model`, 'must be "virtio" on this host, which means its own device');
  });
  return problems;
}
