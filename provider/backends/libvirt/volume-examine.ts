import type { Observed } from "../../core/driver.js";
import { ProviderError } from "../../core/errors.js";
import type { InputsOf, Problem } from "../../core/kind.js";
import { showBytes } from "../../core/units.js";
import type { Kinds } from "../../kinds/index.js";
import { IMAGE_HEAD } from "../../media/image.js";
import { probe } from "../../media/source.js";
import { formatIn } from "./formats.js";
import type { LibvirtHost } from "./host.js";
import { markOf } from "./mark.js";
import { type OpenPool, openPool, stopped } from "./pool-lookup.js";
import { findBase } from "./volume-base.js";
import { blockGrowth, blockProblems, blockRoom, isRounded, ofBlocks } from "./volume-block.js";
import { describeVolume, listVolumes, refOf } from "./volume-lookup.js";
import { usedByOthers } from "./volume-replaced.js";
import { roomFault } from "./volume-room.js";
import { hindrance } from "./volume-snapshots.js";
import { foundFault } from "./volume-source.js";
import { disksOfAll, overlaysOf } from "./volume-use.js";

type Wanted = Partial<InputsOf<Kinds["Volume"]>>;
type Now = Observed<Kinds["Volume"]> | undefined;

/** What the host knows to be wrong with a declaration. Values that are not known yet are skipped. */
export async function examineVolume(
  host: LibvirtHost,
  wanted: Wanted,
  now: Now,
  declared?: Wanted,
): Promise<readonly Problem[]> {
  const filled = now === undefined || (declared !== undefined && declared.source !== wanted.source);
  const [pool, inPool] = await asked(wanted.pool, (name) => startedPool(host, name, now === undefined));
  const stays = now !== undefined && !isReplaced(wanted, now, pool);
  const parts = await Promise.all([
    now === undefined && pool ? isTaken(host, wanted, pool) : undefined,
    filled ? asked(wanted.source, (source) => sourceProblem(host, source, wanted, pool)) : undefined,
    (await baseNow(host, wanted, now, pool)) === wanted.base
      ? undefined
      : asked(wanted.base, (path) => findBase(host, path, wanted.size)),
    stays ? resizing(host, wanted, now, pool) : undefined,
    !stays && pool ? tooLarge(host, wanted, pool) : undefined,
    pool && wanted.adopt === undefined ? blockProblems(pool, wanted) : undefined,
    now !== undefined && !stays ? usedByOthers(host, wanted, now) : undefined,
  ]);
  const [taken, source, base, ...others] = parts;
  return [
    ...inPool,
    ...(taken ?? []),
    ...(source?.[1] ?? []),
    ...(base?.[1] ?? []),
    ...others.flatMap((found) => found ?? []),
  ];
}

/** What lies under it, or under the one that is to be adopted, already. */
async function baseNow(host: LibvirtHost, { adopt, base }: Wanted, now: Now, pool: OpenPool | undefined) {
  if (now !== undefined || adopt === undefined || base === undefined || pool === undefined) return now?.properties.base;
  const name = adopt.slice(adopt.lastIndexOf("/") + 1);
  return (await describeVolume(host, { pool: pool.name, name, key: "" }))?.base;
}

/** For a new volume its directory is looked into, too: it may be gone. */
async function startedPool(host: LibvirtHost, declared: string, looked: boolean): Promise<OpenPool> {
  const pool = await openPool(host, declared);
  if ((await host.inventory.pools()).get(pool.uuid)?.active === false) throw stopped(pool.name);
  if (looked) await listVolumes(host, pool.ref);
  return pool;
}

/** The answer to a question about a known value, and the refusal as a problem. A host that cannot be asked is no problem of the declaration. */
async function asked<V, A>(
  value: V | undefined,
  ask: (value: V) => Promise<A>,
): Promise<readonly [A | undefined, readonly Problem[]]> {
  if (value === undefined) return [undefined, []];
  try {
    return [await ask(value), []];
  } catch (error) {
    const property = error instanceof ProviderError ? error.where.property : undefined;
    if (!(error instanceof ProviderError) || property === undefined) throw error;
    return [undefined, [problem(property, error.fact, error.hint)]];
  }
}

const problem = (path: string, fact: string, hint = ""): Problem => {
  const remedy = hint.replace(/\.$/, "").replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
  return { path, reason: remedy === "" ? fact : `${fact}: ${remedy}` };
};

/** As far as it can be seen: a changed source cannot. */
const isReplaced = (wanted: Wanted, { id, properties }: NonNullable<Now>, pool?: OpenPool): boolean =>
  (["name", "format", "provisioning"] as const).some((p) => wanted[p] !== undefined && wanted[p] !== properties[p]) ||
  wanted.base !== properties.base ||
  (pool !== undefined && pool.name !== refOf(id).pool);

async function isTaken(host: LibvirtHost, { name, owner, adopt }: Wanted, pool: OpenPool): Promise<readonly Problem[]> {
  const exists = async (vol: string) => {
    const listed = await listVolumes(host, pool.ref);
    if (listed !== undefined) return listed.some((one) => one.name === vol);
    return (await describeVolume(host, { pool: pool.name, name: vol, key: "" })) !== undefined;
  };
  if (adopt !== undefined) {
    if (adopt.includes("/") || (await exists(adopt))) return [];
    return [{ path: "adopt", reason: `must name a volume of the storage pool "${pool.name}": there is no "${adopt}"` }];
  }
  if (name === undefined || owner === undefined || !(await exists(name))) return [];
  const mine = markOf(owner, `${pool.path}/${name}`).uuid;
  if ((await host.inventory.secrets()).some(({ uuid }) => uuid === mine)) return [];
  const remedy = "Set adopt to its name to take it over, or choose another name.";
  return [problem("name", `"${name}" exists in the storage pool "${pool.name}" and is not ours`, remedy)];
}

/** @throws `invalid` with the property that is wrong. */
async function sourceProblem(
  host: LibvirtHost,
  source: string,
  { size, ...wanted }: Wanted,
  pool: OpenPool | undefined,
) {
  const format = formatIn(pool, wanted);
  const thick = wanted.provisioning === "thick";
  const found = await probe(source, { bytes: IMAGE_HEAD });
  const wrong = (property: string, fact: string, hint: string) =>
    new ProviderError("invalid", fact, { where: { property }, hint });
  if (found === undefined) throw wrong("source", `there is nothing at ${source}`, "Check the path or the address.");
  const fault = foundFault(found, { format, size, thick });
  if (fault !== undefined) throw wrong(fault.property, fault.fact, fault.hint);
  const [full] = pool !== undefined && ofBlocks(pool) ? blockRoom(pool, size, found.length) : [];
  if (full !== undefined) throw wrong(full.path, full.reason, "Extend the volume group, or use another pool.");
  const noRoom = pool && (await roomFault(host, pool, { ...found, size, thick }));
  if (noRoom !== undefined) throw wrong(noRoom.property, noRoom.fact, noRoom.hint);
}

async function resizing(
  host: LibvirtHost,
  { size }: Wanted,
  now: NonNullable<Now>,
  pool: OpenPool | undefined,
): Promise<readonly Problem[]> {
  if (size === undefined || size === now.outputs.size) return [];
  const block = pool !== undefined && ofBlocks(pool);
  if (block && isRounded(size, now.outputs.size, pool)) return [];
  if (size < now.outputs.size)
    return [
      {
        path: "size",
        reason: `must not be less than it is (${showBytes(now.outputs.size)}), not ${showBytes(size)}: a volume never shrinks; make a new one and copy what matters`,
      },
    ];
  if (block) return [{ path: "size", reason: blockGrowth(now.outputs.path, size) }];
  const [over] = await overlaysOf(host, now.outputs.path);
  if (over !== undefined)
    return [{ path: "size", reason: `must stay as it is: the volume "${over.pool}/${over.name}" lies over it` }];
  const hinders = await hindrance(host, refOf(now.id), now.outputs.path, await disksOfAll(host));
  return hinders === undefined ? [] : [problem("size", `must stay as it is: ${hinders.fact}`, hinders.hint)];
}

/** Of thin files only what could never be filled is refused. Of others the room is taken at once. */
async function tooLarge(
  host: LibvirtHost,
  { size, source, adopt, provisioning }: Wanted,
  pool: OpenPool,
): Promise<readonly Problem[]> {
  const empty = source === undefined && adopt === undefined;
  if (ofBlocks(pool)) return empty ? blockRoom(pool, size, undefined) : [];
  const full = empty && (await roomFault(host, pool, { size, thick: provisioning === "thick" }));
  if (full) return [problem(full.property, full.fact, full.hint)];
  return size === undefined || size <= pool.capacity || pool.capacity === 0
    ? []
    : [
        {
          path: "size",
          reason: `must not exceed the file system of the storage pool "${pool.name}" (${showBytes(pool.capacity)}), not ${showBytes(size)}`,
        },
      ];
}
