import { ProviderError } from "../../core/errors.js";
import { isFields } from "../../core/values.js";
import { fileOf, joined, samePath, settledPath } from "./paths.js";
import type { PoolView } from "./view.js";

/** The pool that every host has: the folder that Hyper-V itself takes for disks. */
export const DEFAULT_POOL = "default";

/** Whose a folder or file is, and what it is called. */
export interface FileMark {
  readonly owner: string;
  readonly name: string;
}

/** The text of a mark. Those of volumes lie in their pool, so that they go where the folder goes. */
export const markText = ({ owner, name }: FileMark): string => JSON.stringify({ v: 1, owner, name });

/** What a mark says; `undefined` for what somebody spoilt. */
export function readFileMark(text: string | undefined): FileMark | undefined {
  try {
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    if (!isFields(value)) return undefined;
    const { owner, name } = value;
    return typeof owner === "string" && typeof name === "string" ? { owner, name } : undefined;
  } catch {
    return undefined;
  }
}

export const nameOf = (pool: PoolView): string =>
  pool.isDefault ? DEFAULT_POOL : (readFileMark(pool.mark)?.name ?? fileOf(pool.path));

export const ownerOf = (pool: PoolView): string | undefined => readFileMark(pool.mark)?.owner;

/** By its name or its path, which is its id. */
export const findPool = (pools: readonly PoolView[], word: string): PoolView | undefined =>
  pools.find((pool) => nameOf(pool) === word) ?? pools.find(({ path }) => samePath(path, word));

/** @throws `invalid` when there is none. */
export function poolNamed(pools: readonly PoolView[], word: string): PoolView {
  const pool = findPool(pools, word);
  if (pool !== undefined) return pool;
  throw new ProviderError("invalid", noPool(word), { where: { property: "pool" } });
}

export const noPool = (word: string): string =>
  `"${word}" is no storage pool of the host: declare a StoragePool, or leave it out for the host's own`;

/** The file of a volume: its name with the ending that Hyper-V wants. */
export const volumePath = (pool: Pick<PoolView, "path">, name: string): string =>
  settledPath(joined(pool.path, /\.vhdx$/i.test(name) ? name : `${name}.vhdx`));

/** Whose a file of a pool is. */
export const markIn = (pool: PoolView | undefined, path: string): FileMark | undefined =>
  readFileMark(pool?.marks.find(({ file }) => file.toLowerCase() === fileOf(path).toLowerCase())?.text);
