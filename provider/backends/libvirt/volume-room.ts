import { ProviderError } from "../../core/errors.js";
import { showBytes } from "../../core/units.js";
import type { Found } from "../../media/source.js";
import type { LibvirtHost } from "./host.js";
import type { OpenPool } from "./pool-lookup.js";
import { readPool } from "./pool-xml.js";
import { pools } from "./rpc/index.js";
import { ofBlocks } from "./volume-block.js";
import { ROOM } from "./volume-failure.js";
import { listVolumes } from "./volume-lookup.js";
import type { Fault } from "./volume-source.js";

/** What takes room when a volume is made. */
export interface Taken extends Partial<Pick<Found, "data" | "length">> {
  readonly thick: boolean;
  /** Bytes that the volume is to have; absent is the length of the source. */
  readonly size?: number | undefined;
}

/**
 * What speaks against a volume in a pool of files because of its free room. Of the source's file only what is no hole is
 * counted; which of a download is zeros nobody knows before.
 */
export async function roomFault(
  host: LibvirtHost,
  pool: OpenPool,
  { data, length, thick, size }: Taken,
): Promise<Fault | undefined> {
  const upload = data ?? length ?? 0;
  const needed = upload + (thick ? Math.max(size ?? 0, length ?? 0) : 0);
  if (ofBlocks(pool) || pool.capacity === 0 || needed <= pool.available) return undefined;
  const free = await freeNow(host, pool);
  if (free === undefined || needed <= free) return undefined;
  return {
    property: upload === 0 ? "size" : "source",
    fact: `it takes ${showBytes(needed)}, and the storage pool "${pool.name}" has ${showBytes(free)} free`,
    hint: "Free space there, or use another pool.",
  };
}

/** libvirt tells what it found when it read the pool last. `undefined` while that cannot be done anew. */
async function freeNow(host: LibvirtHost, pool: OpenPool): Promise<number | undefined> {
  if ((await listVolumes(host, pool.ref)) === undefined) return undefined;
  return readPool(await host.session.call(pools.xml, { pool: pool.ref, flags: 0 })).available;
}

/** libvirt may not notice that the last bytes found no room: seen on a full disk with 9.0.0. */
export const cutShort = (pool: OpenPool, physical: number, total: number): ProviderError =>
  new ProviderError(
    "failed",
    `the storage pool "${pool.name}" may be full: it has ${physical} of ${total} bytes that were sent`,
    { where: { property: "pool" }, hint: ROOM },
  );
