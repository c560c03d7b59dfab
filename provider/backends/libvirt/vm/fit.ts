import type { Problem } from "../../../core/kind.js";
import { showBytes } from "../../../core/units.js";
import type { LibvirtHost } from "../host.js";
import { DomainXml } from "../rpc/flags.js";
import { domainRef } from "../rpc/types.js";
import { attribute, attributeAt, childrenOf, type Element, find, sizeAt, textAt } from "../xml.js";
import { driveFault, wantedCpus, wantedMemory } from "./edit.js";
import { describeDomain, layerOf, sourceOf } from "./located.js";
import { readNotes } from "./notes.js";
import { disksOf, targetOf } from "./ours.js";
import { CD_DRIVE, type DeclaredDisk, type MachineInputs, type MachineObserved, SEED_DRIVE } from "./types.js";

type Wanted = Partial<MachineInputs>;

/**
 * What the definition of a machine that exists speaks against, when somebody else wrote it: libvirt would refuse it, or
 * give something else, in the middle of an update. One call, where the declaration touches one of these things at all.
 */
export async function fitProblems(
  host: LibvirtHost,
  wanted: Wanted,
  now: MachineObserved | undefined,
): Promise<Problem[]> {
  if (now === undefined || !touches(wanted, now.properties)) return [];
  const dom = domainRef(now.properties.name ?? "", now.id);
  return misfits(await describeDomain(host, dom, DomainXml.inactive), wanted);
}

function touches(wanted: Wanted, now: Wanted): boolean {
  const other = (property: keyof MachineInputs) => wanted[property] !== undefined && wanted[property] !== now[property];
  // A machine whose first-boot CD is in its drive has it as `undefined`.
  const seeds = wanted.cloudInit !== undefined && now.cloudInit === null;
  const moves = wanted.disks !== undefined && (now.disks ?? []).some((disk) => !keeps(wanted.disks ?? [], disk));
  return seeds || moves || (["cdrom", "cpus", "maxCpus", "memory", "maxMemory", "secureBoot"] as const).some(other);
}

/** Whether a disk stays where it is. What is not known yet may be the same. */
const keeps = (wanted: readonly (Partial<DeclaredDisk> | undefined)[], disk: DeclaredDisk): boolean =>
  wanted.some((d) => {
    const path = d?.volume ?? d?.path;
    const isIt = path === undefined || path === (disk.volume ?? disk.path);
    return isIt && (d?.name === undefined || d.name === disk.name) && (d?.bus === undefined || d.bus === disk.bus);
  });

/** The same for a definition. */
export function misfits(config: Element, wanted: Wanted): Problem[] {
  return [
    ...deviceProblems(config, wanted),
    ...processorProblems(config, wanted),
    ...memoryProblems(config, wanted),
    ...machineProblems(config, wanted),
  ];
}

/** What the devices that are there stand against. */
export const deviceProblems = (config: Element, wanted: Wanted): Problem[] => [
  ...driveProblems(config, wanted),
  ...layerProblems(config, wanted),
];

/** What was written since an external snapshot is in the file over the disk, and would stay behind with it. */
function layerProblems(config: Element, { disks }: Wanted): Problem[] {
  if (disks === undefined) return [];
  const machine = textAt(config, "name") ?? "";
  const notes = readNotes(config)?.disks ?? [];
  return disksOf(config).flatMap((disk): Problem[] => {
    const [layer, target] = [layerOf(disk), targetOf(disk)];
    const note = notes.find((n) => n.target === target);
    if (layer === undefined || note === undefined) return [];
    const bus = (attributeAt(disk, "target", "bus") ?? "virtio") as DeclaredDisk["bus"];
    const stays = keeps(disks, { name: note.name, volume: sourceOf(disk) ?? "", bus } as DeclaredDisk);
    const reason = `must keep "${note.name}" as it is, because a snapshot laid ${layer} over it: merge that first (virsh blockcommit "${machine}" ${target} --active --pivot, while it runs)`;
    return stays ? [] : [{ path: "disks", reason }];
  });
}

/** An adopted machine may have something of its own where the CD drives are. */
function driveProblems(config: Element, { cloudInit, cdrom }: Wanted): Problem[] {
  const problem = (path: string, fault: string | undefined): Problem[] =>
    fault === undefined
      ? []
      : [{ path, reason: `${fault}: free that name on the host, or leave ${path} out for this machine` }];
  return [
    ...problem("cloudInit", cloudInit && driveFault(config, SEED_DRIVE, readNotes(config)?.seed?.path)),
    ...problem("cdrom", cdrom === undefined ? undefined : driveFault(config, CD_DRIVE)),
  ];
}

/** libvirt takes a number of processors only where the topology and the NUMA cells fit it. */
function processorProblems(config: Element, wanted: Wanted): Problem[] {
  const most = wantedCpus(config, wanted);
  if (most === Number(textAt(config, "vcpu") ?? 1)) return [];
  const path = wanted.cpus === most ? "cpus" : "maxCpus";
  const topology = find(config, "cpu/topology");
  const of = (name: string) => Number(attribute(topology, name) ?? 1);
  const fixed = of("sockets") * of("dies") * of("clusters") * of("cores") * of("threads");
  if (topology !== undefined && fixed !== most)
    return [{ path, reason: `must fit the topology of its processors, which makes ${fixed}, not ${most}: ${EDIT}` }];
  const inCells = cellsOf(config).reduce((sum, cell) => sum + counted(attribute(cell, "cpus") ?? ""), 0);
  return inCells <= most
    ? []
    : [{ path, reason: `must be at least ${inCells}, which its NUMA cells hold, not ${most}: ${EDIT}` }];
}

/** The cells say how much there is, whatever else is written. */
function memoryProblems(config: Element, wanted: Wanted): Problem[] {
  const fixed = sizeAt(config, "memory", "KiB");
  const most = wantedMemory(config, wanted);
  if (cellsOf(config).length === 0 || fixed === undefined || most === fixed) return [];
  const path = wanted.memory === most ? "memory" : "maxMemory";
  return [{ path, reason: `must fit its NUMA cells, which hold ${showBytes(fixed)}, not ${showBytes(most)}: ${EDIT}` }];
}

/** Firmware with Secure Boot needs a chipset that can lock it away. */
function machineProblems(config: Element, { secureBoot }: Wanted): Problem[] {
  const machine = attributeAt(config, "os/type", "machine") ?? "q35";
  return secureBoot !== true || !/^pc(-i440fx-|$)/.test(machine)
    ? []
    : [{ path: "secureBoot", reason: `cannot be true on a machine of the type "${machine}": it needs q35` }];
}

const EDIT = "change that on the host first (virsh edit)";

const cellsOf = (config: Element): Element[] => {
  const numa = find(config, "cpu/numa");
  return numa === undefined ? [] : childrenOf(numa, "cell");
};

/** How many processors a list names: `0-1,4`. What is taken out of it (`^1`) is not counted again. */
const counted = (list: string): number =>
  list.split(",").reduce((sum, part) => {
    const [first = Number.NaN, last = first] = part.replace("^", "").split("-").map(Number);
    return Number.isNaN(first) ? sum : sum + (part.startsWith("^") ? -1 : last - first + 1);
  }, 0);
