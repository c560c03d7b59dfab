import { setTimeout as sleep } from "node:timers/promises";
import { isProviderError, ProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import { poolGone, stopped } from "./pool-lookup.js";
import { libvirtCode } from "./rpc/errors.js";
import { ErrorCode, pools, volumes } from "./rpc/index.js";
import type { Session } from "./rpc/session.js";
import type { PoolRef, VolumeRef } from "./rpc/types.js";
import { volumeFailure } from "./volume-failure.js";
import { readVolume, type VolumeDescription } from "./volume-xml.js";

/** The id of a volume: the names of its pool and its own; libvirt allows no slash in either. */
export const idOf = ({ pool, name }: Pick<VolumeRef, "pool" | "name">): string => `${pool}/${name}`;

/** The daemon finds a volume by the names of the pool and its own; the key may be empty (measured, 9.0.0). */
export function refOf(id: string): VolumeRef {
  const slash = id.indexOf("/");
  if (slash <= 0 || slash === id.length - 1) throw new ProviderError("bug", `"${id}" is not the id of a volume`);
  return { pool: id.slice(0, slash), name: id.slice(slash + 1), key: "" };
}

/**
 * What the host says of a volume, in one call. `undefined` only when its pool is started and has no such volume.
 *
 * @throws `hidden`, property `pool`, when the pool is stopped or not defined, or its directory is not there: then nobody
 *   knows, and nothing is lost.
 */
export async function describeVolume({ session }: LibvirtHost, vol: VolumeRef): Promise<VolumeDescription | undefined> {
  try {
    return readVolume(await session.call(volumes.xml, { vol, flags: 0 }));
  } catch (error) {
    if (libvirtCode(error) === ErrorCode.noVolume) return undefined;
    throw unknowable(error, vol.pool);
  }
}

/** What libvirt lists in a pool, in one call and without reading its directory anew. @throws as `describeVolume`. */
export async function namesIn({ session }: LibvirtHost, pool: PoolRef): Promise<ReadonlySet<string>> {
  try {
    return new Set((await session.call(pools.volumes, { pool, flags: 0 })).map(({ name }) => name));
  } catch (error) {
    throw unknowable(error, pool.name);
  }
}

/** The remedy for a pool of which nobody can tell what it holds: code `hidden`. Any other error stays as it is. */
export function unknowable(error: unknown, pool: string): unknown {
  const code = libvirtCode(error);
  if (code === ErrorCode.noPool) return poolGone(pool);
  const idle = code === ErrorCode.operationInvalid && error instanceof ProviderError && /not active/.test(error.fact);
  return idle ? stopped(pool) : volumeFailure(error, { name: pool, path: undefined });
}

/**
 * The volumes of a started pool. A pool in which a volume is being made cannot be read anew (9.0.0): `undefined` then.
 */
export async function listVolumes(
  { inventory }: LibvirtHost,
  pool: PoolRef,
): Promise<readonly VolumeRef[] | undefined> {
  try {
    return await inventory.volumes(pool);
  } catch (error) {
    if (isAtWork(error)) return undefined;
    throw unknowable(error, pool.name);
  }
}

/** Looks into a pool's directory, of which libvirt knows what it was told last. @throws as `describeVolume`. */
export async function lookAnew({ session }: LibvirtHost, pool: string): Promise<void> {
  try {
    await session.call(pools.refresh, { pool: await session.call(pools.byName, { name: pool }), flags: 0 });
  } catch (error) {
    if (!isAtWork(error)) throw unknowable(error, pool);
  }
}

/** Whether a pool could not be read anew because a volume is being made in it. */
export const isAtWork = (error: unknown): boolean =>
  error instanceof ProviderError && /asynchronous jobs running/.test(error.fact);

/** Milliseconds that a broken-off transfer may still hold a volume before its deletion is given up. */
const HELD = 15_000;

/** Deletes a volume; one that is gone is what was wanted. Waits for what still reads or writes it through the daemon. */
export async function deleteVolume(session: Session, vol: VolumeRef): Promise<void> {
  const end = Date.now() + HELD;
  for (let pause = 20; ; pause = Math.min(pause * 2, 1000)) {
    try {
      return await session.call(volumes.delete, { vol, flags: 0 });
    } catch (error) {
      if (isProviderError(error, "not-found")) return;
      const over = Date.now() > end;
      if (isHeld(error) && over) throw held(vol, error);
      if (over || !(isHeld(error) || isProviderError(error, "dropped"))) throw error;
    }
    await sleep(pause);
  }
}

const held = ({ pool, name }: VolumeRef, cause: unknown): ProviderError =>
  new ProviderError("busy", `the host still reads or writes "${pool}/${name}" for an operation that was broken off`, {
    hint: "Try again when it has ended.",
    cause,
  });

const isHeld = (error: unknown): boolean =>
  error instanceof ProviderError && /is still (in use|being allocated)/.test(error.fact);
