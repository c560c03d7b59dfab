import { isProviderError, ProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import { isUuid } from "./identity.js";
import { type PoolDescription, plainPath, readPool } from "./pool-xml.js";
import { pools } from "./rpc/index.js";
import type { PoolRef } from "./rpc/types.js";

/** A pool that volumes can be made in: started, with a directory of files or of block devices. */
export interface OpenPool extends PoolDescription {
  readonly ref: PoolRef;
  readonly path: string;
}

/** Types whose volumes are files in a directory, or block devices of a volume group. */
const USABLE: ReadonlySet<string> = new Set(["dir", "fs", "netfs", "logical"]);

/** By name, UUID or directory; `undefined` when the host has none. A directory is found only while its pool is started. */
export async function poolByAnyName({ session }: LibvirtHost, name: string): Promise<PoolRef | undefined> {
  try {
    if (name.startsWith("/")) return await session.call(pools.byTargetPath, { path: plainPath(name) });
    if (isUuid(name)) return await session.call(pools.byUuid, { uuid: name.toLowerCase() });
    return await session.call(pools.byName, { name });
  } catch (error) {
    if (isProviderError(error, "not-found")) return undefined;
    throw error;
  }
}

/** The stopped pool of a directory, which the daemon does not find by it. One call for each that is stopped. */
export async function stoppedAt(host: LibvirtHost, path: string): Promise<PoolRef | undefined> {
  const entries = [...(await host.inventory.pools()).values()].filter(({ active }) => !active);
  for (const { ref } of entries) if ((await describePool(host, ref))?.path === plainPath(path)) return ref;
  return undefined;
}

/** The UUID of the pool of a name, a UUID or a directory, started or not; `undefined` when the host has none. */
export async function findPool(host: LibvirtHost, word: string): Promise<string | undefined> {
  const found = (await poolByAnyName(host, word)) ?? (word.startsWith("/") ? await stoppedAt(host, word) : undefined);
  return found?.uuid;
}

/** What the host says of a pool, shared for a while; `undefined` when it went away meanwhile. */
export const describePool = (host: LibvirtHost, pool: PoolRef): Promise<PoolDescription | undefined> =>
  host.inventory.share(`pool ${pool.uuid}`, async () => {
    try {
      return readPool(await host.session.call(pools.xml, { pool, flags: 0 }));
    } catch (error) {
      if (isProviderError(error, "not-found")) return undefined;
      throw error;
    }
  });

/** The pool that a declaration means. @throws `invalid`, property `pool`, with the remedy. */
export async function openPool(host: LibvirtHost, declared: string): Promise<OpenPool> {
  const ref = await host.inventory.share(`pool named ${declared}`, async () => {
    const found = await poolByAnyName(host, declared);
    if (found === undefined) throw await noSuchPool(host, declared);
    return found;
  });
  const described = await describePool(host, ref);
  if (described === undefined) throw await noSuchPool(host, declared);
  const { type, path } = described;
  if (!USABLE.has(type) || path === undefined)
    throw wrongPool(`the storage pool "${ref.name}" has the type ${type}, which is not supported`, {
      hint: "Use a storage pool that is a directory or a volume group.",
    });
  return { ...described, ref, path };
}

async function noSuchPool(host: LibvirtHost, declared: string): Promise<ProviderError> {
  if (!declared.startsWith("/"))
    return wrongPool(`there is no storage pool "${declared}"`, {
      hint: "Declare a StoragePool and give it here, or name one of the host.",
    });
  const idle = await stoppedAt(host, declared);
  if (idle !== undefined) return stopped(idle.name);
  return wrongPool(`no storage pool has the directory ${declared}`, {
    hint: "Declare a StoragePool with this path and give it here.",
  });
}

/** For a pool that is there and does not run: its volumes are neither there nor gone. */
export const stopped = (pool: string): ProviderError =>
  new ProviderError("hidden", `the storage pool "${pool}" is stopped`, {
    where: { property: "pool" },
    hint: `Start it on the host (virsh pool-start "${pool}").`,
  });

/** For a pool that the host does not know any more: its files may still be there. `file`: the one in question. */
export const poolGone = (
  pool: string,
  { file, property = "pool" }: { readonly file?: string | undefined; readonly property?: string } = {},
): ProviderError => {
  const what = file === undefined ? "so nobody can tell about its volumes" : `and ${file} may still be there`;
  return new ProviderError("hidden", `the storage pool "${pool}" is not defined on the host any more, ${what}`, {
    where: { property },
    hint: "Define it again with the same directory; if its files are gone for good, take what lay in it out of the state.",
  });
};

const wrongPool = (fact: string, { hint }: { readonly hint: string }): ProviderError =>
  new ProviderError("invalid", fact, { where: { property: "pool" }, hint });
