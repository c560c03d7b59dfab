import type { Observed } from "../../core/driver.js";
import type { InputsOf, Problem } from "../../core/kind.js";
import { groupOf, type Kinds } from "../../kinds/index.js";
import type { LibvirtHost } from "./host.js";
import { uuidOf } from "./identity.js";
import { groupProblems } from "./pool-group.js";
import { describePool } from "./pool-lookup.js";
import { type PoolDescription, plainPath } from "./pool-xml.js";
import { SAME_UUID_HINT, sameUuid } from "./refusal.js";
import type { PoolRef } from "./rpc/types.js";

type StoragePool = Kinds["StoragePool"];
type Wanted = Partial<InputsOf<StoragePool>>;

/** What the host knows to be wrong with a pool. */
export async function examinePool(
  host: LibvirtHost,
  wanted: Wanted,
  now: Observed<StoragePool> | undefined,
): Promise<readonly Problem[]> {
  const { name, path, adopt, owner = "" } = wanted;
  if (path !== undefined && path !== plainPath(path))
    return [{ path: "path", reason: `must be written without needless slashes: "${plainPath(path)}"` }];
  const entries = [...(await host.inventory.pools()).values()].map(({ ref }) => ref);
  if (adopt !== undefined) {
    const found = now !== undefined || entries.some((ref) => [ref.name, ref.uuid].includes(adopt));
    return found
      ? []
      : [{ path: "adopt", reason: `must be the name or UUID of a storage pool: there is no "${adopt}"` }];
  }
  if (name === undefined) return [];
  const mine = now?.id ?? uuidOf("StoragePool", owner, name);
  const others = entries.filter((ref) => ref.uuid !== mine);
  const double = entries.find((ref) => ref.uuid === mine && ref.name !== name);
  if (now === undefined && double !== undefined)
    return [{ path: "name", reason: `${sameUuid(double.name)}: ${SAME_UUID_HINT}` }];
  const namesake = others.find((ref) => ref.name === name);
  if (namesake !== undefined)
    return [{ path: "name", reason: `is taken by another storage pool (${namesake.uuid}): ${ADOPT(namesake.uuid)}` }];
  // A pool that runs has its place.
  return now?.outputs.active === true ? [] : placeProblems(host, wanted, others);
}

/** What stands against the place of a pool: one of the `others` has it, or the host has no such volume group. */
export async function placeProblems(
  host: LibvirtHost,
  wanted: Wanted,
  others: readonly PoolRef[],
): Promise<readonly Problem[]> {
  const there = await Promise.all(others.map((ref) => describePool(host, ref)));
  const [taken] = there.flatMap((other) => (other === undefined ? [] : sharing(wanted, other)));
  if (taken !== undefined) return [taken];
  return wanted.type === "logical" ? groupProblems(host, wanted) : [];
}

const ADOPT = (name: string): string => `set adopt to "${name}" to take that one over, or choose another`;

/** What a pool has that another one has already. */
function sharing(wanted: Wanted, other: PoolDescription): Problem[] {
  const { type, path, source } = wanted;
  const already = (at: string, what: string): Problem[] => [
    { path: at, reason: `is the ${what} of the storage pool "${other.name}" already: ${ADOPT(other.name)}` },
  ];
  if (path !== undefined && other.path === path) return already("path", "directory");
  if (type !== other.type) return [];
  if (type === "logical" && other.source?.name === groupOf(wanted))
    return already(source?.name === undefined ? "name" : "source.name", "volume group");
  const same = (["host", "path", "format"] as const).every(
    (k) => source?.[k] !== undefined && source[k] === other.source?.[k],
  );
  return type === "netfs" && same ? already("source.path", "source") : [];
}
