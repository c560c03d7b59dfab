import { ProviderError } from "../../core/errors.js";
import type { HypervHost } from "./host.js";
import { AWAY_HINT, awayFact, parentOf, samePath, settledPath } from "./paths.js";
import { markIn, volumePath } from "./pools.js";
import { getDisk } from "./requests/disk.js";
import type { DiskView, PoolView } from "./view.js";

/** What the host knows of a path: from what it has, else by a request of its own. */
export async function diskAt(host: HypervHost, path: string): Promise<DiskView> {
  const { disks } = await host.view();
  return disks.find((d) => samePath(d.path, path)) ?? (await getDisk(host.agent, settledPath(path)));
}

/**
 * What a look at something that does not exist means: it is gone.
 *
 * @throws `failed` where its drive or share is not there either: then it stays in the state.
 */
export function gone({ path, away }: Pick<DiskView | PoolView, "path" | "away">): undefined {
  if (away) throw new ProviderError("failed", awayFact(path), { hint: AWAY_HINT });
}

/** The path of a volume of a pool by its name: the one that is marked so, else the file of that name. */
export async function volumeNamed(host: HypervHost, pool: PoolView, name: string): Promise<string> {
  const { disks } = await host.view();
  const marked = disks.find((d) => samePath(parentOf(d.path), pool.path) && markIn(pool, d.path)?.name === name);
  return marked?.path ?? volumePath(pool, name);
}
