import { ProviderError } from "../../core/errors.js";
import type { PoolDescription } from "./pool-xml.js";

/** What a failure is about: a pool, and its directory. */
export type Failing = Pick<PoolDescription, "name" | "path">;

interface Known {
  readonly text: RegExp;
  readonly code: "failed" | "hidden";
  readonly fact: (pool: Failing) => string;
  readonly hint: (pool: Failing) => string;
}

/** What to do about a pool without room. */
export const ROOM =
  "Free space there, or use another pool. While a volume is made from a source, its data takes room twice.";

/** Texts of libvirt 9.0.0 and of the qemu-img that it runs: there are no numbers for these. */
const KNOWN: readonly Known[] = [
  {
    text: /no space left on device/i,
    code: "failed",
    fact: ({ name }) => `the storage pool "${name}" is full`,
    hint: () => ROOM,
  },
  {
    text: /disk quota exceeded/i,
    code: "failed",
    fact: ({ name }) => `the disk quota of the storage pool "${name}" is used up`,
    hint: () => `Raise it. ${ROOM}`,
  },
  {
    text: /read-only file system/i,
    code: "failed",
    fact: ({ name }) => `the file system of the storage pool "${name}" is read-only`,
    hint: ({ path }) =>
      `Find out why on the host (dmesg; a disk with errors becomes so by itself), and make it writable (mount -o remount,rw, for ${path}).`,
  },
  {
    // One file that is missing is gone; where the directory is missing, nobody knows of any file.
    text: /cannot open directory .*no such file|(could not|failed to|unable to) (create|open) .*no such file/i,
    code: "hidden",
    fact: ({ name, path }) => `the directory of the storage pool "${name}", ${path}, is not there`,
    hint: ({ name }) =>
      `Bring it back on the host (mount what belongs there, or make it anew if its files are gone for good), and start the pool where it was stopped (virsh pool-start "${name}").`,
  },
];

/** What the host says when it cannot work in a pool's directory, with the property and a remedy; any other error as it is. */
export function volumeFailure(error: unknown, pool: Failing): unknown {
  if (!(error instanceof ProviderError) || error.where.property !== undefined) return error;
  const known = KNOWN.find(({ text }) => text.test(error.fact));
  if (known === undefined) return error;
  const path = pool.path ?? /directory '(.*)':/.exec(error.fact)?.[1];
  const failing = { ...pool, path };
  const where = { ...error.where, property: "pool" };
  return new ProviderError(known.code, known.fact(failing), { where, hint: known.hint(failing), cause: error });
}
