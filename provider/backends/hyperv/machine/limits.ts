import type { Problem } from "../../../core/kind.js";
import { showBytes } from "../../../core/units.js";
import { notOfWindows } from "../paths.js";
import type { MachineInputs } from "./types.js";

type Declared = Partial<MachineInputs>;
type Disk = Partial<NonNullable<Declared["disks"]>[number]>;
type Nic = Partial<NonNullable<Declared["networks"]>[number]>;

/** Least memory of a machine, and what each amount is a multiple of (New-VM, MemoryStartupBytes). */
const LEAST = 32 * 2 ** 20;
const PART = 2 * 2 ** 20;

/** What Hyper-V does not have, inside of what it has. */
export function limits(declared: Declared): readonly Problem[] {
  const { disks = [], networks = [], firmware, tpm, acceleration, cdrom } = declared;
  const problems: Problem[] = [];
  const refuse = (path: string, reason: string) => problems.push({ path, reason });
  if (acceleration === "none")
    refuse("acceleration", 'must not be "none" on this host, which emulates no processors: leave it out');
  if (tpm === true && firmware === "bios")
    refuse("tpm", 'must not be true with firmware "bios" on this host: use "uefi", or leave it out');
  problems.push(...memoryProblems(declared));
  if (cdrom !== undefined) problems.push(...fileProblems("cdrom", cdrom, [".iso"]));
  disks.forEach((disk: Disk | undefined, i) => {
    const at = `disks[${i}]`;
    if (disk?.path !== undefined) problems.push(...fileProblems(`${at}.path`, disk.path, [".vhdx", ".vhd"]));
    if (disk?.format !== undefined && disk.format !== "vhdx")
      refuse(`${at}.format`, `must be "vhdx" on this host, not "${disk.format}": leave it out`);
    if (disk?.readOnly === true)
      refuse(`${at}.readOnly`, "must not be true on this host, whose guests write to every disk: leave it out");
    if (disk?.bus === "sata" && firmware !== "bios" && firmware !== undefined)
      refuse(`${at}.bus`, 'must not be "sata" with firmware "uefi" on this host: leave it out, or use "scsi"');
  });
  networks.forEach((nic: Nic | undefined, i) => {
    if (nic?.model === "e1000e")
      refuse(
        `networks[${i}].model`,
        'must be "virtio" on this host, which means its own device, not "e1000e": leave it out',
      );
  });
  return problems;
}

/** Each amount of memory that is declared, as Hyper-V takes it. */
function memoryProblems({ memory, dynamicMemory: dynamic }: Declared): readonly Problem[] {
  const amounts = {
    memory,
    "dynamicMemory.minimum": dynamic?.minimum,
    "dynamicMemory.maximum": dynamic?.maximum,
  };
  return Object.entries(amounts).flatMap(([path, bytes]): Problem[] => {
    if (bytes === undefined) return [];
    const must = (what: string) => [{ path, reason: `must be ${what} on this host, not ${showBytes(bytes)}` }];
    if (bytes < LEAST) return must(`at least ${showBytes(LEAST)}`);
    return bytes % PART === 0 ? [] : must(`a multiple of ${showBytes(PART)}`);
  });
}

/** Hyper-V decides by the ending what a file is (Add-VMHardDiskDrive, Set-VMDvdDrive). */
function fileProblems(path: string, file: string, endings: readonly string[]): readonly Problem[] {
  const foreign = notOfWindows(file);
  const fits = endings.some((ending) => file.toLowerCase().endsWith(ending));
  const wrong = `must end with ${endings.map((e) => `"${e}"`).join(" or ")} on this host, not "${file}"`;
  return (foreign.length > 0 || fits ? foreign : [wrong]).map((reason) => ({ path, reason }));
}
