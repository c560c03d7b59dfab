import type { Problem } from "../../core/kind.js";
import { showBytes } from "../../core/units.js";
import { IMAGE_HEAD, inspectImage } from "../../media/image.js";
import { probe } from "../../media/source.js";
import { vhdxFault } from "../../media/vhdx-source.js";
import { diskAt, volumeNamed } from "./disks.js";
import type { HypervHost } from "./host.js";
import { isPath, LONGEST_PATH, samePath } from "./paths.js";
import { findPool, markIn, noPool, volumePath } from "./pools.js";
import { reasonOf } from "./refuse.js";
import type { Inventory } from "./requests/host.js";
import type { PoolView } from "./view.js";
import type { VolumeInputs, VolumeObserved } from "./volume-types.js";

type Wanted = Partial<VolumeInputs>;

/** What the host knows to be wrong with a declaration. Values that are not known yet are skipped. */
export async function examineVolume(
  host: HypervHost,
  wanted: Wanted,
  now: VolumeObserved | undefined,
  declared?: Wanted,
): Promise<readonly Problem[]> {
  const view = await host.view();
  const pool = wanted.pool === undefined ? undefined : findPool(view.pools, wanted.pool);
  const problems: Problem[] = [];
  if (wanted.pool !== undefined && pool === undefined && now === undefined)
    problems.push({ path: "pool", reason: noPool(wanted.pool) });
  if (now === undefined && pool !== undefined) problems.push(...(await taken(host, pool, wanted)));
  if (wanted.base !== undefined && (now === undefined || !samePath(wanted.base, now.properties.base ?? "")))
    problems.push(...(await baseProblems(host, wanted.base, wanted.size)));
  const filled = now === undefined || (declared !== undefined && declared.source !== wanted.source);
  if (filled && wanted.source !== undefined && wanted.adopt === undefined)
    problems.push(...(await sourceProblems(wanted.source, wanted, pool)));
  else if (now === undefined && wanted.provisioning === "thick" && wanted.adopt === undefined)
    problems.push(...noRoom("size", wanted.size ?? 0, pool));
  if (now !== undefined) problems.push(...resizing(view, wanted, now));
  return problems;
}

async function taken(host: HypervHost, pool: PoolView, { name, owner, adopt }: Wanted): Promise<readonly Problem[]> {
  if (adopt !== undefined) {
    const { exists } = await diskAt(host, isPath(adopt) ? adopt : await volumeNamed(host, pool, adopt));
    const reason = `must name a volume of the storage pool ${pool.path}: there is no "${adopt}"`;
    return exists ? [] : [{ path: "adopt", reason }];
  }
  if (name === undefined) return [];
  const path = volumePath(pool, name);
  if (path.length > LONGEST_PATH)
    return [{ path: "name", reason: `must be shorter: ${path} has more than ${LONGEST_PATH} characters` }];
  if (owner === undefined || markIn(pool, path)?.owner === owner || !(await diskAt(host, path)).exists) return [];
  return [
    {
      path: "name",
      reason: `"${name}" exists in the storage pool ${pool.path} and is not ours: set adopt to its name to take it over, or choose another name`,
    },
  ];
}

/** What speaks against a disk as the one under another. */
export async function baseProblems(
  host: HypervHost,
  base: string,
  size: number | undefined,
): Promise<readonly Problem[]> {
  const disk = await diskAt(host, base);
  if (!disk.exists)
    return [{ path: "base", reason: `"${base}" is no disk of the host: declare it as a Volume, or give its path` }];
  if (disk.size !== undefined && size !== undefined && size < disk.size)
    return [
      { path: "size", reason: `must be at least ${showBytes(disk.size)}, the size of base, not ${showBytes(size)}` },
    ];
  return [];
}

async function sourceProblems(
  source: string,
  { size, provisioning }: Wanted,
  pool: PoolView | undefined,
): Promise<readonly Problem[]> {
  const found = await probe(source, { bytes: IMAGE_HEAD });
  if (found === undefined)
    return [{ path: "source", reason: `there is nothing at ${source}: check the path or the address` }];
  const image = inspectImage(found.head);
  const { length = 0 } = found;
  const fault = vhdxFault(image, found.length, size);
  if (fault !== undefined) return [{ path: fault.property, reason: reasonOf(fault) }];
  // Of other formats nobody knows yet what is zeros. A thick one lies beside what was uploaded for a while.
  const uploaded = image.format === "qcow2" ? length : 0;
  const whole = provisioning === "thick" ? Math.max(size ?? 0, image.virtualSize ?? length) : 0;
  return noRoom("source", uploaded + whole, pool);
}

function noRoom(path: string, needed: number, pool: PoolView | undefined): readonly Problem[] {
  const room = pool?.available;
  if (room === undefined || needed <= room) return [];
  const reason = `it takes ${showBytes(needed)}, and the storage pool ${pool?.path} has ${showBytes(room)} free: free space there, or use another pool`;
  return [{ path, reason }];
}

/** A disk grows while it is used; what lies over another one, or under one, does not. */
export function resizing({ disks, machines }: Inventory, { size }: Wanted, now: VolumeObserved): readonly Problem[] {
  if (size === undefined || size === now.outputs.size) return [];
  const reason = (text: string): readonly Problem[] => [{ path: "size", reason: text }];
  if (size < now.outputs.size)
    return reason(
      `must not be less than it is (${showBytes(now.outputs.size)}), not ${showBytes(size)}: a volume never shrinks; make a new one and copy what matters`,
    );
  const { path } = now.outputs;
  const machine = machines.find((m) => m.disks.some((d) => samePath(d.path, path)));
  const drive = machine?.disks.find((d) => samePath(d.path, path));
  if (machine !== undefined && machine.snapshots.length > 0)
    return reason(`must stay as it is: the virtual machine "${machine.name}" has checkpoints`);
  const over = disks.find((d) => d.parent !== undefined && samePath(d.parent, path));
  if (over !== undefined) return reason(`must stay as it is: the disk ${over.path} lies over it`);
  return drive?.controller === "IDE" && machine?.state !== "Off"
    ? reason(`must stay as it is while "${machine?.name}" runs: a disk on IDE grows only while the machine is off`)
    : [];
}
