import type { Problem } from "../../../core/kind.js";
import { showBytes } from "../../../core/units.js";
import type { LibvirtHost } from "../host.js";
import { DomainXml } from "../rpc/flags.js";
import { domainRef } from "../rpc/types.js";
import { attribute, attributeAt, childrenOf, type Element, find, sizeAt, textAt } from "../xml.js";
import { driveFault, wantedCpus, wantedMemory } from "./edit.js";
import { describeDomain } from "./located.js";
import { readNotes } from "./notes.js";
import { CD_DRIVE, type MachineInputs, type MachineObserved, SEED_DRIVE } from "./types.js";

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
  return seeds || (["cdrom", "cpus", "maxCpus", "memory", "maxMemory", "secureBoot"] as const).some(other);
}

/** The same for a definition. */
export function misfits(config: Element, wanted: Wanted): Problem[] {
  return [
    ...driveProblems(config, wanted),
    ...processorProblems(config, wanted),
    ...memoryProblems(config, wanted),
    ...machineProblems(config, wanted),
  ];
}

/** An adopted machine may have something of its own where the CD drives are. */
export function driveProblems(config: Element, { cloudInit, cdrom }: Wanted): Problem[] {
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
