import { dirname } from "node:path/posix";
import type { Driver, Listed, Observed, Recorded, Step, Update } from "../../core/driver.js";
import { ProviderError } from "../../core/errors.js";
import type { InputsOf } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";
import { formatLimits, thickLimits } from "./formats.js";
import type { LibvirtHost } from "./host.js";
import { clearMark, markedPath, markOf, passMark, setMark, volumeOwners } from "./mark.js";
import { describePool, openPool, poolGone, stopped } from "./pool-lookup.js";
import { inPool } from "./pool-wake.js";
import type { PoolRef, VolumeRef } from "./rpc/types.js";
import { blockGrowth, isRounded, ofBlocks } from "./volume-block.js";
import { createVolume } from "./volume-create.js";
import { examineVolume } from "./volume-examine.js";
import { volumeFailure } from "./volume-failure.js";
import { grow } from "./volume-grow.js";
import { deleteVolume, describeVolume, idOf, listVolumes, lookAnew, refOf } from "./volume-lookup.js";
import { nameLimits } from "./volume-name.js";
import { forgetBase, refuseAttached, refuseUnderOthers } from "./volume-use.js";
import { formatOf, type VolumeDescription } from "./volume-xml.js";

type Volume = Kinds["Volume"];

/** Volumes that are files in a pool's directory, or logical volumes of its group. The id is the pool's name, a slash and the volume's name. */
export const volume: Driver<Volume, LibvirtHost> = {
  support: {
    owner: true,
    adopt: true,
    name: true,
    pool: true,
    size: true,
    source: true,
    sha256: true,
    base: true,
    format: true,
    provisioning: true,
    allowDataLoss: true,
  },
  limits: (declared) => [
    ...nameLimits(declared.name),
    ...formatLimits("format", declared.format),
    ...thickLimits(declared),
  ],
  effects: {},
  list,
  examine: examineVolume,
  observe,
  create: createVolume,
  update,
  remove,
};

/** Those of started pools: nobody knows what a stopped one holds. Two calls for each pool, and one for each mark. */
async function list(host: LibvirtHost): Promise<readonly Listed<Volume>[]> {
  const pools = [...(await host.inventory.pools()).values()].filter(({ active }) => active);
  const marks = await volumeOwners(host);
  const lists = await Promise.all(pools.map(async ({ ref }) => withPaths(host, ref)));
  return lists.flat().map(({ pool, name, path }) => {
    const owner = marks.get(path);
    return { id: idOf({ pool, name }), name, properties: { pool }, outputs: { path }, owner };
  });
}

/** The key of a file is its path; that of a logical volume is LVM's own. One call more for a pool of those. */
async function withPaths(host: LibvirtHost, pool: PoolRef) {
  const listed = (await listVolumes(host, pool)) ?? [];
  const folder = listed.some(({ key }) => !key.startsWith("/")) ? (await describePool(host, pool))?.path : undefined;
  return listed.map(({ key, ...vol }) => ({ ...vol, path: folder === undefined ? key : `${folder}/${vol.name}` }));
}

async function observe(
  host: LibvirtHost,
  id: string,
  recorded?: Recorded<Volume>,
): Promise<Observed<Volume> | undefined> {
  const vol = refOf(id);
  const described = host.inventory.fresh ? await fromInventory(host, vol) : await fromPool(host, vol);
  if (described === undefined) return undefined;
  const { name, capacity, allocation, path, base } = described;
  const format = formatOf(described) as InputsOf<Volume>["format"];
  const provisioning = recorded?.inputs.provisioning ?? provisioningOf(described);
  const asked = recorded?.inputs.size;
  const rounded = described.block && asked !== undefined && (await madeOf(host, vol, asked, capacity));
  return {
    id,
    properties: {
      name,
      size: rounded ? asked : capacity,
      format,
      provisioning,
      ...(base === undefined ? {} : { base }),
    },
    outputs: { path, size: capacity, allocation, host: host.uri.identity },
  };
}

/** As it looks: a guest can fill a thin one, and give the room of a thick one back, so what is known from before counts more. */
const provisioningOf = (volume: VolumeDescription) =>
  volume.block || (formatOf(volume) === "raw" && volume.allocation >= volume.capacity) ? "thick" : "thin";

/** Whether a logical volume of `actual` bytes is what was made of the `asked` ones. */
async function madeOf(host: LibvirtHost, { pool }: VolumeRef, asked: number, actual: number): Promise<boolean> {
  return asked === actual || isRounded(asked, actual, await openPool(host, pool));
}

/** One call of its own; the lists are shared. */
async function fromInventory(host: LibvirtHost, vol: VolumeRef): Promise<VolumeDescription | undefined> {
  const entry = [...(await host.inventory.pools()).values()].find(({ ref }) => ref.name === vol.pool);
  if (entry === undefined) throw poolGone(vol.pool);
  if (!entry.active) throw stopped(vol.pool);
  const listed = await listVolumes(host, entry.ref);
  if (listed !== undefined && !listed.some(({ name }) => name === vol.name)) return undefined;
  return describeVolume(host, vol);
}

/** One call; a volume that libvirt does not list is looked for in the directory before it counts as gone. */
async function fromPool(host: LibvirtHost, vol: VolumeRef): Promise<VolumeDescription | undefined> {
  const described = await describeVolume(host, vol);
  if (described !== undefined) return described;
  await lookAnew(host, vol.pool);
  return describeVolume(host, vol);
}

async function update(host: LibvirtHost, { id, observed, wanted, changes }: Update<Volume>): Promise<void> {
  host.inventory.forget();
  const { path } = observed.outputs;
  for (const { property } of changes) {
    if (property === "owner") await passMark(host.session, path, wanted.owner);
    if (property !== "size" || wanted.size === undefined) continue;
    if (!(await isThere(host, refOf(id), wanted.size, observed)))
      await grow(host, refOf(id), { ...observed.outputs, thick: wanted.provisioning === "thick" }, wanted.size);
  }
}

/** Whether a logical volume has the wanted size already, in whole extents. @throws `unsupported` when it would have to grow. */
async function isThere(
  host: LibvirtHost,
  vol: VolumeRef,
  size: number,
  { outputs }: Observed<Volume>,
): Promise<boolean> {
  const pool = await openPool(host, vol.pool);
  if (!ofBlocks(pool)) return false;
  if (isRounded(size, outputs.size, pool)) return true;
  if (size < outputs.size) return false;
  throw new ProviderError("unsupported", blockGrowth(outputs.path, size), { where: { property: "size" } });
}

async function remove(
  host: LibvirtHost,
  id: string,
  { owner = "", pool: declared }: Partial<InputsOf<Volume>>,
  { report }: Step,
): Promise<void> {
  host.inventory.forget();
  const vol = refOf(id);
  const file = () => markedPath(host, owner, vol.name);
  const doomed = { pool: vol.pool, declared, property: "pool", file, report } as const;
  const described = (await inPool(host, doomed, () => describeVolume(host, vol))) ?? (await fromPool(host, vol));
  if (described !== undefined) {
    await refuseAttached(host, described.path, vol);
    await refuseUnderOthers(host, described.path, "its deletion");
  }
  const path = described?.path ?? `${(await openPool(host, vol.pool)).path}/${vol.name}`;
  const mark = markOf(owner, path);
  // The volume goes last: a mark without a volume is found by nobody, and keeps its path from others.
  await clearMark(host.session, mark);
  if (described === undefined) return;
  try {
    await deleteVolume(host.session, vol);
  } catch (error) {
    await setMark(host.session, mark, owner).catch(() => undefined);
    throw volumeFailure(error, { name: vol.pool, path: dirname(path) });
  }
  forgetBase(host, path);
}
