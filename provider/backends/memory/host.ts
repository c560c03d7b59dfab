import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { isProviderError, ProviderError } from "../../core/errors.js";
import { type World, wholeWorld } from "./world.js";

/** A host of the memory backend: a world that is read whole and changed by one edit at a time. */
export interface MemoryHost {
  readonly identity: string;
  /** The world as it is now. Throws `unreachable` when it cannot be read. */
  read(): Promise<World>;
  /** Runs `edit` alone on a copy, which becomes the world unless `edit` throws. */
  change<T>(edit: (world: World) => T): Promise<T>;
}

/** Lives as long as the process. */
export function privateHost(identity: string): MemoryHost {
  let world = wholeWorld({});
  return {
    identity,
    read: async () => structuredClone(world),
    change: async (edit) => {
      const copy = structuredClone(world);
      const answer = edit(copy);
      world = copy;
      return answer;
    },
  };
}

/**
 * A JSON file as the host, so that separate processes see the same one. A missing file is a host without anything on it.
 * It holds what was declared, secrets too, and only its user may read it.
 */
export function fileHost(identity: string, path: string): MemoryHost {
  const read = async (): Promise<World> => {
    try {
      return wholeWorld(JSON.parse(await readFile(path, "utf8")));
    } catch (error) {
      if (codeOf(error) === "ENOENT") return wholeWorld({});
      throw silent(path, error);
    }
  };
  return {
    identity,
    read,
    change: (edit) =>
      locked(`${path}.lock`, async () => {
        const world = await read();
        const answer = edit(world);
        const fresh = `${path}.${randomUUID()}`;
        await writeFile(fresh, `${JSON.stringify(world, undefined, 2)}\n`, { mode: 0o600 });
        await rename(fresh, path);
        return answer;
      }).catch((error: unknown) => {
        throw codeOf(error) === undefined || isProviderError(error) ? error : silent(path, error);
      }),
  };
}

const silent = (path: string, cause: unknown): ProviderError =>
  isProviderError(cause)
    ? cause
    : new ProviderError("unreachable", `the file ${path} cannot be used as a host`, {
        hint: "Repair it, or remove it to begin with an empty host.",
        cause,
      });

/** A lock is held for one read and one write of a small file; who holds it longer hangs. */
const PATIENCE_MS = 10_000;

/** Runs `step` while this process alone has made `path`, which names its maker so that a dead one's lock is broken. */
async function locked<T>(path: string, step: () => Promise<T>): Promise<T> {
  const token = `${process.pid} ${randomUUID()}`;
  const end = Date.now() + PATIENCE_MS;
  while (!(await made(path, token))) {
    await breakDead(path);
    if (Date.now() > end)
      throw new ProviderError("busy", `another process holds ${path}`, { hint: "Remove it if there is none." });
    await delay(5);
  }
  try {
    return await step();
  } finally {
    await rm(path, { force: true });
  }
}

async function made(path: string, token: string): Promise<boolean> {
  try {
    const file = await open(path, "wx", 0o600);
    await file.writeFile(token).finally(() => file.close());
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Takes the lock of a dead process away by renaming it, which only one of several waiters can do. */
async function breakDead(path: string): Promise<void> {
  const token = await readFile(path, "utf8").catch(() => "");
  const pid = Number(token.split(" ")[0]);
  if (token === "" || alive(pid)) return;
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(() => undefined);
  const taken = await readFile(aside, "utf8").catch(() => token);
  // A quicker waiter broke the dead lock and made its own between the two calls: it is put back.
  if (taken !== token) await rename(aside, path);
  await rm(aside, { force: true });
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
};

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | undefined)?.code;
