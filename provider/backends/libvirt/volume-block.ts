import { ProviderError } from "../../core/errors.js";
import type { InputsOf, Problem } from "../../core/kind.js";
import { showBytes } from "../../core/units.js";
import type { Kinds } from "../../kinds/index.js";
import type { OpenPool } from "./pool-lookup.js";
import type { PoolDescription } from "./pool-xml.js";

type Wanted = Partial<InputsOf<Kinds["Volume"]>>;
type Room = Pick<PoolDescription, "capacity" | "available">;

/** Whether the volumes of a pool are block devices, not files. */
export const ofBlocks = ({ type }: Pick<PoolDescription, "type">): boolean => type === "logical";

/** How a volume of a pool takes its room. */
export const roomOf = (pool: Pick<PoolDescription, "type">, { provisioning }: Wanted) => {
  const block = ofBlocks(pool);
  return { block, thick: block || provisioning === "thick" };
};

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/**
 * Whether a logical volume of `actual` bytes is what LVM makes of `wanted` bytes: the next whole extent. libvirt does not
 * tell how large an extent is; what group, free room and volume have as a common divisor is one, or a few.
 */
export const isRounded = (wanted: number, actual: number, { capacity, available }: Room): boolean =>
  wanted <= actual && actual - wanted < divisor(divisor(capacity, available), actual);

/** What LVM takes for the name of a volume (lvm(8)). */
function nameProblem(name: string): string | undefined {
  if (!/^[A-Za-z0-9+_.][A-Za-z0-9+_.-]*$/.test(name))
    return `must be letters, digits or +_.- in a pool of type "logical", not "${name}"`;
  const reserved =
    /^(snapshot|pvmove)|_(cdata|cmeta|corig|imeta|iorig|mimage|mlog|pmspare|rimage|rmeta|tdata|tmeta|vdata|vorigin|wcorig)/;
  return reserved.test(name)
    ? `must not be "${name}" in a pool of type "logical": LVM keeps such names for itself`
    : undefined;
}

/** What a pool of block devices cannot make. Values that are not known yet are `undefined`. */
export function blockProblems(
  pool: Pick<OpenPool, "type" | "name">,
  { name, format, base, provisioning }: Wanted,
): readonly Problem[] {
  if (!ofBlocks(pool)) return [];
  const where = `in the storage pool "${pool.name}", whose volumes are block devices`;
  const problems: Problem[] = [];
  const badName = name === undefined ? undefined : nameProblem(name);
  if (badName !== undefined) problems.push({ path: "name", reason: badName });
  if (base !== undefined)
    problems.push({
      path: "base",
      reason: `must not be given ${where}: make a volume over it in a pool of another type`,
    });
  else if (format !== undefined && format !== "raw")
    problems.push({ path: "format", reason: `must be "raw" ${where}, not "${format}"` });
  if (provisioning === "thin")
    problems.push({ path: "provisioning", reason: `must be "thick" ${where}, which take all of their room at once` });
  return problems;
}

/** @throws `invalid` for what `blockProblems` finds. */
export function refuseForBlocks(pool: OpenPool, wanted: Wanted): void {
  const [problem] = blockProblems(pool, wanted);
  if (problem !== undefined) throw new ProviderError("invalid", problem.reason, { where: { property: problem.path } });
}

/**
 * Logical volumes take all of their room when they are made, and one with a source twice for a while: the upload lies
 * beside it until it is complete. `length` is the source's, in bytes.
 */
export function blockRoom(pool: OpenPool, size: number | undefined, length: number | undefined): readonly Problem[] {
  const needed = Math.max(size ?? 0, length ?? 0) + (length ?? 0);
  if (needed <= pool.available) return [];
  const copy = length === undefined ? "" : `, of which the upload takes ${showBytes(length)} for a while`;
  return [
    {
      path: length === undefined ? "size" : "source",
      reason: `needs ${showBytes(needed)}${copy}, and the volume group of the storage pool "${pool.name}" has ${showBytes(pool.available)} free`,
    },
  ];
}

/** libvirt has no way to make a logical volume larger (measured, 9.0.0), and QEMU grows no device. */
export const blockGrowth = (path: string, size: number): string =>
  `must stay as it is: libvirt cannot grow a logical volume. Extend it on the host (lvextend --size ${size}b ${path}); after that this declaration holds`;
