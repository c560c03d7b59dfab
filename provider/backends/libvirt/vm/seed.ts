import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import { hostnameOf, seedBytes } from "../../../media/first-boot.js";
import type { LibvirtHost } from "../host.js";
import { pools, volumes } from "../rpc/procedures/storage.js";
import type { PoolRef, VolumeRef } from "../rpc/types.js";
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
  const { key } = await writeSeed(host, pool, volume, bytes);
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

/** Puts a seed into its pool. One that an earlier attempt left is written again, since it may be cut. */
export async function writeSeed(host: LibvirtHost, pool: PoolRef, name: string, bytes: Uint8Array): Promise<VolumeRef> {
  const xml = write([
    "volume",
    {},
    ["name", {}, name],
    ["capacity", { unit: "bytes" }, String(bytes.length)],
    ["target", {}, ["format", { type: "raw" }]],
  ]);
  const vol = await made(host, pool, name, xml);
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
    if (isProviderError(error, "unsupported") && host.uri.hypervisor === "test") return made(host, pool, name, xml);
    throw error;
  }
}

async function made(host: LibvirtHost, pool: PoolRef, name: string, xml: string): Promise<VolumeRef> {
  try {
    return await host.session.call(volumes.create, { pool, xml, flags: 0 });
  } catch (error) {
    if (!isProviderError(error, "exists", "dropped")) throw error;
    return host.session.call(volumes.byName, { pool, name });
  }
}

/** Succeeds when it is already gone. */
export async function deleteSeed(host: LibvirtHost, { pool, volume: name, path: key }: Seed): Promise<void> {
  try {
    await host.session.call(volumes.delete, { vol: { pool, name, key }, flags: 0 });
  } catch (error) {
    if (!isProviderError(error, "not-found")) throw error;
  }
}

/** The seed and what a broken-off edit may have left beside it. */
export async function deleteSeeds(host: LibvirtHost, uuid: string, name: string, seed: Seed): Promise<void> {
  for (const volume of seedNames(uuid, name)) {
    const path = `${dirname(seed.path)}/${volume}`;
    await deleteSeed(host, { ...seed, volume, path });
  }
}

/** The same without a note of where they are: in the pool that `seedFor` would choose. */
export async function deleteSeedsBeside(
  host: LibvirtHost,
  { uuid, name, disk }: { readonly uuid: string; readonly name: string; readonly disk: string | undefined },
): Promise<void> {
  const pool = disk === undefined || !isFile(disk) ? undefined : (await placeOf(host, disk))?.pool;
  for (const volume of seedNames(uuid, name))
    await deleteSeed(host, { pool: pool?.name ?? "default", volume, path: "", digest: "" });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
