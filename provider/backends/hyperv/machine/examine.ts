import { isProviderError } from "../../../core/errors.js";
import type { Problem } from "../../../core/kind.js";
import { showBytes } from "../../../core/units.js";
import { firstBootProblems } from "../../../media/first-boot.js";
import { firstChange, savedProblem } from "../../saved.js";
import { diskAt } from "../disks.js";
import type { HypervHost } from "../host.js";
import { fileOf, parentOf, samePath } from "../paths.js";
import { reasonOf } from "../refuse.js";
import type { Inventory } from "../requests/host.js";
import type { MachineView } from "../view.js";
import { layered } from "./layout.js";
import { readMark } from "./mark.js";
import { addressFault, NETWORK_HINT, switchOf } from "./resolve.js";
import type { DeclaredDisk, DeclaredNic, MachineInputs, MachineObserved } from "./types.js";
import { ownFolder } from "./write.js";

type Wanted = Partial<MachineInputs>;

/** What the host knows to be wrong with a declaration. Values that are not known yet are skipped. */
export async function examine(
  host: HypervHost,
  wanted: Wanted,
  now: MachineObserved | undefined,
): Promise<readonly Problem[]> {
  const view = await host.view();
  const self = now === undefined ? earlier(view, wanted) : view.machines.find(({ id }) => id === now.id);
  const facts = await host.facts();
  const problems: Problem[] = [];
  if (now === undefined) problems.push(...identityProblems(view, wanted));
  else problems.push(...nameProblems(view, wanted, now.id));
  problems.push(...(await diskProblems(host, view, wanted, self)), ...layerProblems(wanted, now, self));
  problems.push(...savedProblems(wanted, now, self));
  if (wanted.cdrom !== undefined && wanted.cdrom !== now?.properties.cdrom && !(await isThere(host, wanted.cdrom)))
    problems.push({
      path: "cdrom",
      reason: `there is no file "${wanted.cdrom}" on the host: copy it there, or leave it out`,
    });
  problems.push(...nicProblems(view, wanted, self));
  const { hyperV } = facts;
  if (wanted.cpus !== undefined && hyperV !== undefined && wanted.cpus > hyperV.processors)
    problems.push({
      path: "cpus",
      reason: `must be at most ${hyperV.processors}, the host's processors, not ${wanted.cpus}`,
    });
  if (wanted.memory !== undefined && hyperV !== undefined && wanted.memory > hyperV.memory)
    problems.push({
      path: "memory",
      reason: `must be at most ${showBytes(hyperV.memory)}, the host's memory, not ${showBytes(wanted.memory)}`,
    });
  return [...problems, ...firstBootProblems(wanted.cloudInit ?? {})];
}

/** Whether a machine is what an earlier attempt of the same owner made, complete. */
export function isOurs(machine: MachineView, { owner, name }: Pick<MachineInputs, "owner" | "name">): boolean {
  const { mark } = readMark(machine.notes);
  return machine.name === name && mark?.owner === owner && mark.making !== true;
}

/** Whether a machine is what an attempt of the same owner left half-made: its notes say so, or are missing yet. */
export function isHalfMade(machine: MachineView, { owner, name }: Pick<MachineInputs, "owner" | "name">): boolean {
  if (machine.name !== name || machine.state !== "Off") return false;
  if (machine.notes === "") return fileOf(parentOf(machine.path)) === ownFolder({ owner, name });
  const { mark } = readMark(machine.notes);
  return mark?.owner === owner && mark.making === true;
}

/** What a creation goes on with, makes anew, or takes over. */
const earlier = ({ machines }: Inventory, { adopt, owner, name }: Wanted): MachineView | undefined => {
  if (adopt !== undefined) return machineNamed(machines, adopt);
  if (owner === undefined || name === undefined) return undefined;
  return machines.find((m) => isOurs(m, { owner, name }) || isHalfMade(m, { owner, name }));
};

function identityProblems({ machines }: Inventory, { adopt, name, owner }: Wanted): readonly Problem[] {
  if (adopt !== undefined)
    return machineNamed(machines, adopt) === undefined
      ? [
          {
            path: "adopt",
            reason: `there is no virtual machine "${adopt}" on the host: give a name or id that \`Get-VM\` shows`,
          },
        ]
      : [];
  if (name === undefined || owner === undefined) return [];
  const twins = machines.filter((m) => m.name === name && !isHalfMade(m, { owner, name }));
  return twins.length === 0 || twins.some((m) => isOurs(m, { owner, name }))
    ? []
    : [
        {
          path: "name",
          reason: `"${name}" is a virtual machine of the host already and belongs to somebody else: choose another name, or set \`adopt\` to its name to take it over`,
        },
      ];
}

function nameProblems({ machines }: Inventory, { name }: Wanted, id: string): readonly Problem[] {
  return machines.some((m) => m.name === name && m.id !== id)
    ? [{ path: "name", reason: `"${name}" is another virtual machine of the host already: choose another name` }]
    : [];
}

export const machineNamed = (machines: readonly MachineView[], word: string): MachineView | undefined =>
  machines.find(({ id }) => id === word.toLowerCase()) ?? machines.find(({ name }) => name === word);

async function diskProblems(
  host: HypervHost,
  { machines }: Inventory,
  wanted: Wanted,
  self: MachineView | undefined,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const [i, disk] of (wanted.disks ?? []).entries() as Iterable<[number, Partial<DeclaredDisk> | undefined]>) {
    const path = disk?.volume ?? disk?.path;
    if (path === undefined) continue;
    const at = `disks[${i}].${disk?.path === undefined ? "volume" : "path"}`;
    if (!(await isThere(host, path)))
      problems.push({ path: at, reason: `"${path}" is no disk of the host: declare it as a Volume, or give its path` });
    const other = machines.find((m) => m.id !== self?.id && m.disks.some((d) => samePath(d.path, path)));
    if (other !== undefined)
      problems.push({
        path: at,
        reason: `"${path}" is a disk of the virtual machine "${other.name}", and both would write to it: choose another disk`,
      });
  }
  return problems;
}

/** What Hyper-V changes of a machine whose running state is saved: it has no other device or memory until it has gone on. */
const BESIDE_SAVED: ReadonlySet<string> = new Set("owner name description tags guest autostart powerState".split(" "));

function savedProblems(wanted: Wanted, now: MachineObserved | undefined, self: MachineView | undefined): Problem[] {
  if (now === undefined || self?.state !== "Saved") return [];
  const path = firstChange(wanted, now.properties, BESIDE_SAVED);
  return path === undefined
    ? []
    : [savedProblem(path, `Start-VM "${self.name}"`, `Remove-VMSavedState "${self.name}"`)];
}

/** What was written since a checkpoint is in a layer over the disk, and would be lost with its drive. */
function layerProblems({ disks }: Wanted, now: MachineObserved | undefined, self: MachineView | undefined): Problem[] {
  const wanted: readonly (Partial<DeclaredDisk> | undefined)[] = disks ?? [];
  if (disks === undefined || wanted.some((disk) => disk?.volume === undefined && disk?.path === undefined)) return [];
  const under = self?.disks.filter(({ layer }) => layer !== undefined) ?? [];
  return under.flatMap(({ path }): Problem[] => {
    const isIt = (disk: Partial<DeclaredDisk> | undefined) => samePath(disk?.volume ?? disk?.path ?? "", path);
    const [was, will] = [now?.properties.disks?.find(isIt), wanted.find(isIt)];
    if (was === undefined || (will !== undefined && (will.bus === "sata") === (was.bus === "sata"))) return [];
    return [{ path: "disks", reason: reasonOf(layered(was.name, self?.name ?? "")) }];
  });
}

/** A path that cannot be looked at is no problem of the declaration. */
async function isThere(host: HypervHost, path: string): Promise<boolean> {
  try {
    return (await diskAt(host, path)).exists;
  } catch (error) {
    if (isProviderError(error, "busy", "denied")) return true;
    throw error;
  }
}

function nicProblems(view: Inventory, wanted: Wanted, self: MachineView | undefined): Problem[] {
  return (wanted.networks ?? []).flatMap((nic: Partial<DeclaredNic> | undefined, i): Problem[] => {
    const named = nic?.network ?? nic?.bridge;
    if (nic === undefined || named === undefined) return [];
    const problem = (field: string, reason: string): Problem => ({ path: `networks[${i}].${field}`, reason });
    const found = switchOf(view.switches, nic as DeclaredNic);
    if (found === undefined) {
      const fault = { fact: `"${named}" is no network of the host`, hint: NETWORK_HINT };
      return [problem(nic.bridge === undefined ? "network" : "bridge", reasonOf(fault))];
    }
    const other = view.machines.find((m) => m.id !== self?.id && m.nics.some(({ mac }) => mac === nic.mac));
    const reason = `"${nic.mac}" is the MAC of the virtual machine "${other?.name}" too: choose another`;
    const clash = nic.mac === undefined || other === undefined ? [] : [problem("mac", reason)];
    const fault = nic.address === undefined ? undefined : addressFault({ view, found, self }, nic.address);
    return fault === undefined ? clash : [...clash, problem("address", reasonOf(fault))];
  });
}
