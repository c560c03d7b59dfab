import { createHash } from "node:crypto";
import { dirname } from "node:path";
import type { Step } from "../../../core/driver.js";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import { hostnameOf, seedBytes } from "../../../media/first-boot.js";
import type { LibvirtHost } from "../host.js";
import { describePool, poolByAnyName, stoppedAt } from "../pool-lookup.js";
import { inPool } from "../pool-wake.js";
import { ErrorCode } from "../rpc/codes.js";
import { libvirtCode } from "../rpc/errors.js";
import { pools, volumes } from "../rpc/procedures/storage.js";
import type { PoolRef, VolumeRef } from "../rpc/types.js";
import { usesOf } from "../volume-use.js";
import { write } from "../xml.js";
import { placeOf } from "./pool-of.js";
import type { Disk, MachineInputs, Nic, Seed } from "./types.js";

/** The pool for a machine's seed: that of its first disk, where disks are files, else `default`. */
async function seedPool(host: LibvirtHost, disk: Seeded["disk"]): Promise<PoolRef> {
  const beside = disk !== undefined && isFile(disk.path);
  const pool = beside ? (disk.pool ?? (await placeOf(host, disk.path))?.pool) : undefined;
  if (pool !== undefined) return pool;
  try {
    return await host.session.call(pools.byName, { name: "default" });
  } catch (error) {
    if (!isProviderError(error, "not-found")) throw error;
  }
  throw new ProviderError("invalid", "the host has no storage pool that could hold the first-boot CD", {
    where: { property: "cloudInit" },
    hint: 'Give the machine a disk from a storage pool, or make a pool named "default".',
  });
}

/** A CD is a file; where disks are block devices there is no place for one. */
const isFile = (path: string): boolean => !path.startsWith("/dev/");

/** A machine's seeds: the one in use and the next one take turns in these two volumes. */
const seedNames = (uuid: string, name: string): readonly [string, string] => {
  const base = `${hostnameOf(name)}-${uuid.slice(0, 8)}-seed`;
  return [`${base}.iso`, `${base}-next.iso`];
};

/** The first digits of the UUID of the machine that a volume is a seed of, by its name alone. */
export const machineIn = (volume: string): string | undefined => /-([0-9a-f]{8})-seed(-next)?\.iso$/.exec(volume)?.[1];

export interface Seeded {
  readonly uuid: string;
  readonly inputs: MachineInputs;
  readonly nics: readonly Nic[];
  /** The first disk: the seed lies beside it. */
  readonly disk: Pick<Disk, "path" | "pool"> | undefined;
}

/** Writes the seed that the inputs want, unless `before` is that one already. The one in use is never written over. */
export async function seedFor(host: LibvirtHost, machine: Seeded, before?: Seed): Promise<Seed | undefined> {
  const { uuid, inputs, nics, disk } = machine;
  const bytes = seedBytes(uuid, inputs, nics);
  if (bytes === undefined) return undefined;
  const digest = createHash("sha256").update(bytes).digest("hex");
  // A deletion that broke off has taken the seed away before the machine.
  if (before?.digest === digest && (await isThere(host, before))) return before;
  const pool = await seedPool(host, disk);
  const names = seedNames(uuid, inputs.name);
  const volume = before?.volume === names[0] ? names[1] : names[0];
  const { key } = await writeSeed(host, { uuid, pool, name: volume }, bytes);
  return { pool: pool.name, volume, path: key, digest };
}

async function isThere(host: LibvirtHost, { pool, volume: name, path: key }: Seed): Promise<boolean> {
  try {
    await host.session.call(volumes.info, { vol: { pool, name, key } });
    return true;
  } catch (error) {
    if (isProviderError(error, "not-found")) return false;
    throw error;
  }
}

/** Puts a seed into its pool. One that an earlier attempt left is made anew: it may be cut, or longer than this one. */
async function writeSeed(
  host: LibvirtHost,
  { uuid, pool, name }: { readonly uuid: string; readonly pool: PoolRef; readonly name: string },
  bytes: Uint8Array,
): Promise<VolumeRef> {
  const xml = write([
    "volume",
    {},
    ["name", {}, name],
    ["capacity", { unit: "bytes" }, String(bytes.length)],
    ["target", {}, ["format", { type: "raw" }]],
  ]);
  const create = () => host.session.call(volumes.create, { pool, xml, flags: 0 });
  const vol = await create().catch(async (error: unknown) => {
    if (!isProviderError(error, "exists", "dropped")) throw error;
    const there = await host.session.call(volumes.byName, { pool, name });
    if (isProviderError(error, "dropped")) return there;
    await refuseOthers(host, uuid, there);
    await host.session.call(volumes.delete, { vol: there, flags: 0 });
    return create();
  });
  try {
    const { total: sent } = await host.session.upload(
      volumes.upload,
      { vol, offset: 0, length: bytes.length, flags: 0 },
      once(bytes),
    );
    if (sent !== bytes.length)
      throw new ProviderError("failed", `only ${sent} of ${bytes.length} bytes of the first-boot CD arrived`);
    return vol;
  } catch (error) {
    await host.session.call(volumes.delete, { vol, flags: 0 }).catch(() => undefined);
    // The test driver has volumes and no way to fill them.
    if (isProviderError(error, "unsupported") && host.uri.hypervisor === "test") return create();
    throw error;
  }
}

/** @throws `busy` with the name of another machine that somebody has put this seed into. */
async function refuseOthers(host: LibvirtHost, uuid: string, vol: VolumeRef): Promise<void> {
  const other = await otherUser(host, uuid, vol);
  if (other === undefined) return;
  throw new ProviderError("busy", `the virtual machine "${other}" has its first-boot CD ${vol.key}`, {
    where: { property: "cloudInit" },
    hint: "Take the CD from that virtual machine, or delete it.",
  });
}

/** The name of another machine than this one that has a volume. */
async function otherUser(host: LibvirtHost, uuid: string, vol: VolumeRef): Promise<string | undefined> {
  const uses = await usesOf(host, vol.key, vol);
  return uses.find(({ domain }) => domain.uuid !== uuid)?.domain.name;
}

/** Tells that a stopped pool is started; without it none is. */
type Report = Step["report"] | undefined;

/** Succeeds when it is already gone. @throws `hidden` as `inPool` does. */
export async function deleteSeed(host: LibvirtHost, seed: Omit<Seed, "digest">, report?: Report): Promise<void> {
  const { pool, volume: name, path: key } = seed;
  const doomed = { pool, property: "cloudInit", file: async () => key, report } as const;
  try {
    await inPool(host, doomed, () => host.session.call(volumes.delete, { vol: { pool, name, key }, flags: 0 }));
  } catch (error) {
    if (libvirtCode(error) !== ErrorCode.noVolume) throw error;
  }
}

/** Whose seeds are to go. */
interface Owner {
  readonly uuid: string;
  readonly name: string;
}

/** The seed and what a broken-off edit may have left beside it. */
export async function deleteSeeds(
  host: LibvirtHost,
  { uuid, name }: Owner,
  seed: Seed,
  report?: Report,
): Promise<void> {
  for (const volume of seedNames(uuid, name))
    await deleteSeed(host, { pool: seed.pool, volume, path: `${dirname(seed.path)}/${volume}` }, report);
}

/**
 * The same without a note of where they are: in the pool that `seedFor` would choose, where there still is one. What
 * somebody has put into another machine meanwhile stays.
 */
export async function deleteSeedsBeside(
  host: LibvirtHost,
  { disk, ...owner }: Owner & { readonly disk: string | undefined },
  report?: Report,
): Promise<void> {
  const file = disk !== undefined && isFile(disk) ? disk : undefined;
  const beside =
    file === undefined ? undefined : ((await placeOf(host, file))?.pool ?? (await stoppedAt(host, dirname(file))));
  const pool = beside ?? (await poolByAnyName(host, "default"));
  const directory = pool && (await describePool(host, pool))?.path;
  if (pool === undefined || directory === undefined) return;
  for (const volume of seedNames(owner.uuid, owner.name)) {
    const path = `${directory}/${volume}`;
    const other = await otherUser(host, owner.uuid, { pool: pool.name, name: volume, key: path });
    if (other === undefined) await deleteSeed(host, { pool: pool.name, volume, path }, report);
    else report?.(`${path} stays: the virtual machine "${other}" has it`);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
