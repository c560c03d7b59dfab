import { basename, dirname } from "node:path";
import { isProviderError } from "../../../core/errors.js";
import type { LibvirtHost } from "../host.js";
import { pools, volumes } from "../rpc/procedures/storage.js";
import type { PoolRef, VolumeRef } from "../rpc/types.js";

export interface Place {
  readonly pool: PoolRef;
  readonly vol: VolumeRef;
}

/**
 * The started pool in whose directory a file lies, and the file as a volume of it, whether or not it is one. One call;
 * three where the daemon cannot look pools up by their directory. `undefined` when no pool has it.
 */
export async function placeOf(host: LibvirtHost, path: string): Promise<Place | undefined> {
  try {
    const pool = await host.session.call(pools.byTargetPath, { path: dirname(path) });
    return { pool, vol: { pool: pool.name, name: basename(path), key: path } };
  } catch (error) {
    if (!isProviderError(error, "not-found", "unsupported")) throw error;
  }
  try {
    const vol = await host.session.call(volumes.byPath, { path });
    return { pool: await host.session.call(pools.byName, { name: vol.pool }), vol };
  } catch (error) {
    if (isProviderError(error, "not-found")) return undefined;
    throw error;
  }
}
