import type { Observed } from "../../core/driver.js";
import { isProviderError } from "../../core/errors.js";
import type { InputsOf } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";
import type { LibvirtHost } from "./host.js";
import { readPool } from "./pool-xml.js";
import { PoolState, pools } from "./rpc/index.js";

type StoragePool = Kinds["StoragePool"];

/** What the host says of a pool: at most four calls, one of its own in a refresh. `undefined` when it is gone. */
export async function observePool(host: LibvirtHost, id: string): Promise<Observed<StoragePool> | undefined> {
  const { session, inventory } = host;
  try {
    const known = inventory.fresh ? (await inventory.pools()).get(id) : undefined;
    if (inventory.fresh && known === undefined) return undefined;
    // The test driver finds a pool by the name in the reference, the others by the UUID.
    const pool = known?.ref ?? (await session.call(pools.byUuid, { uuid: id }));
    const [xml, active, autostart] = await Promise.all([
      session.call(pools.xml, { pool, flags: 0 }),
      known?.active ?? session.call(pools.info, { pool }).then(({ state }) => state !== PoolState.inactive),
      known?.autostart ?? session.call(pools.autostart, { pool }),
    ]);
    const { name, path, source, capacity, available, ...rest } = readPool(xml);
    const type = rest.type as InputsOf<StoragePool>["type"];
    return {
      id,
      properties: {
        name,
        type,
        autostart,
        active,
        ...(path === undefined ? {} : { path }),
        ...(source === undefined ? {} : { source }),
      },
      outputs: { capacity: String(capacity), available: String(available), active, host: host.uri.identity },
    };
  } catch (error) {
    if (isProviderError(error, "not-found")) return undefined;
    throw error;
  }
}
