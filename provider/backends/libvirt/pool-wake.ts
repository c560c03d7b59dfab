import { isProviderError, ProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import { isOurUuid } from "./identity.js";
import { startPool } from "./pool-create.js";
import { poolByAnyName, poolGone } from "./pool-lookup.js";
import type { PoolRef } from "./rpc/types.js";
import { unknowable } from "./volume-lookup.js";

/** Something in a pool that is to be deleted. */
export interface Doomed {
  /** Name of the pool. */
  readonly pool: string;
  /** Id or name of the pool as the declaration has it. */
  readonly declared?: string | undefined;
  /** The property that an error is about. */
  readonly property: "pool" | "cloudInit";
  /** Where the file lies, as far as it is known. Asked only for an error. */
  readonly file: () => Promise<string | undefined>;
  /** Tells that the pool is started. Without it nothing is started: for what tidies up behind a failure. */
  readonly report?: ((line: string) => void) | undefined;
}

/**
 * A step of a deletion in a pool. One that somebody stopped is started for it where that is what the next update would do:
 * crossvisor made it, or the declaration refers to it by its id, as to a `StoragePool` that was adopted. It stays started.
 *
 * @throws `hidden`, naming the pool and two remedies, when others made it, when it does not start, and when it is not defined
 * any more: what lies in it is neither deleted nor forgotten.
 */
export async function inPool<T>(host: LibvirtHost, doomed: Doomed, step: () => Promise<T>): Promise<T> {
  const { pool, property, file, report } = doomed;
  try {
    return await step();
  } catch (error) {
    if (!isProviderError(unknowable(error, pool), "hidden")) throw error;
  }
  const ref = await poolByAnyName(host, pool);
  if (ref === undefined) throw poolGone(pool, { file: await file(), property });
  if (!isOurUuid(ref.uuid) && doomed.declared !== ref.uuid) throw asleep(doomed, "is stopped, and others made it");
  if (report === undefined) throw asleep(doomed, "is stopped");
  report(`starting the storage pool "${pool}", which was stopped`);
  await wake(host, ref, doomed);
  return await step();
}

async function wake(host: LibvirtHost, ref: PoolRef, doomed: Doomed): Promise<void> {
  try {
    await startPool(host, ref);
  } catch (error) {
    if (!isProviderError(error, "failed", "denied", "unsupported", "invalid")) throw error;
    throw asleep(doomed, `is stopped and does not start: ${error.fact}`, error);
  }
  host.inventory.forget();
}

const asleep = ({ pool, property }: Doomed, how: string, cause?: unknown): ProviderError =>
  new ProviderError("hidden", `the storage pool "${pool}" ${how}`, {
    where: { property },
    hint: `Start it on the host (virsh pool-start "${pool}") and try again, or take what lies in it out of the state: then its file stays.`,
    cause,
  });
