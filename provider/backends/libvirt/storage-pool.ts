import type { Driver, Observed, Step } from "../../core/driver.js";
import { isProviderError, ProviderError } from "../../core/errors.js";
import type { InputsOf, Problem } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";
import { untilAnswered } from "./answered.js";
import type { LibvirtHost } from "./host.js";
import { isUuid, uuidOf } from "./identity.js";
import { listed } from "./inventory.js";
import { describePool, poolByAnyName } from "./pool-lookup.js";
import { plainPath, readPool, writePool } from "./pool-xml.js";
import { libvirtCode } from "./rpc/errors.js";
import { ErrorCode, PoolState, pools } from "./rpc/index.js";
import type { PoolRef } from "./rpc/types.js";

type StoragePool = Kinds["StoragePool"];

/**
 * Directory pools. The id is the pool's UUID. A pool that we make gets the UUID of its owner and name (`uuidOf`): that
 * UUID is the mark of ownership, because libvirt drops metadata of pools.
 *
 * A pool that somebody stopped shows as not `active`, and the next update or creation of it starts it. Until then its
 * volumes refuse to be read, with a remedy.
 */
export const storagePool: Driver<StoragePool, LibvirtHost> = {
  support: { owner: true, adopt: true, name: true, path: true, autostart: true, active: true, onDelete: true },
  effects: {},
  list: async ({ inventory }) => listed(await inventory.pools()),
  examine,
  observe,
  create,
  update: async (host, { id, observed, wanted, changes }) => {
    host.inventory.forget();
    const pool: PoolRef = { name: observed.properties.name ?? "", uuid: id };
    if (wanted.active && !observed.outputs.active) await start(host, pool);
    if (!wanted.active && observed.outputs.active) await stop(host, pool);
    if (changes.some(({ property }) => property === "autostart"))
      await untilAnswered(() => host.session.call(pools.setAutostart, { pool, autostart: wanted.autostart }));
  },
  remove,
};

async function observe(host: LibvirtHost, id: string): Promise<Observed<StoragePool> | undefined> {
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
    const { name, path, capacity, available } = readPool(xml);
    return {
      id,
      properties: { name, autostart, active, ...(path === undefined ? {} : { path }) },
      outputs: { capacity: String(capacity), available: String(available), active, host: host.uri.identity },
    };
  } catch (error) {
    if (isProviderError(error, "not-found")) return undefined;
    throw error;
  }
}

async function examine(
  host: LibvirtHost,
  { name, path, adopt, owner = "" }: Partial<InputsOf<StoragePool>>,
  now: Observed<StoragePool> | undefined,
): Promise<readonly Problem[]> {
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
  const namesake = others.find((ref) => ref.name === name);
  if (namesake !== undefined)
    return [{ path: "name", reason: `is taken by another storage pool (${namesake.uuid}): ${ADOPT(namesake.uuid)}` }];
  if (path === undefined) return [];
  const targets = await Promise.all(others.map((ref) => describePool(host, ref)));
  const tenant = targets.find((other) => other?.path === path);
  return tenant === undefined
    ? []
    : [
        {
          path: "path",
          reason: `is the directory of the storage pool "${tenant.name}" already: ${ADOPT(tenant.name)}`,
        },
      ];
}

const ADOPT = (name: string): string => `set adopt to "${name}" to take that one over, or choose another`;

async function create(host: LibvirtHost, wanted: InputsOf<StoragePool>, step: Step): Promise<void> {
  const { session, inventory } = host;
  inventory.forget();
  if (wanted.adopt !== undefined) return step.made(await adopted(host, wanted.adopt));
  if (wanted.path !== plainPath(wanted.path))
    throw new ProviderError("invalid", `"${wanted.path}" has needless slashes`, {
      where: { property: "path" },
      hint: `Write "${plainPath(wanted.path)}".`,
    });
  const uuid = uuidOf("StoragePool", wanted.owner, wanted.name);
  const pool = { name: wanted.name, uuid };
  const before = await observe(host, uuid);
  if (before === undefined) await define(host, pool, wanted.path);
  else if (before.properties.path !== wanted.path) throw moved(before.properties.path, wanted.path);
  try {
    if (before?.outputs.active !== true) {
      // Makes the directory if it is missing; one that exists stays as it is, with what is in it.
      await untilAnswered(() => session.call(pools.build, { pool, flags: 0 }));
      if (wanted.active) await start(host, pool);
    }
    if (before?.outputs.active === true && !wanted.active) await stop(host, pool);
    if (before?.properties.autostart !== wanted.autostart)
      await untilAnswered(() => session.call(pools.setAutostart, { pool, autostart: wanted.autostart }));
  } catch (error) {
    // A pool that cannot be started is of no use: it goes, and the next attempt begins anew. Not when nobody knows how
    // far the host came: then the next attempt finds it by its UUID.
    if (before === undefined && !isProviderError(error, "dropped", "unreachable", "timeout")) await undo(host, pool);
    throw atPath(error);
  }
  step.made(uuid);
}

/** The daemon makes the directory or opens it: whatever it says of that is about the path. */
const atPath = (error: unknown): unknown => {
  if (!(error instanceof ProviderError) || error.where.property !== undefined) return error;
  const { code, fact, where, cause } = error;
  const hint = error.hint ?? "It must be a directory, or one that the daemon can make: check the path on the host.";
  return new ProviderError(code, fact, { where: { ...where, property: "path" }, hint, cause });
};

async function define({ session }: LibvirtHost, pool: PoolRef, path: string): Promise<void> {
  try {
    await session.call(pools.define, { xml: writePool({ ...pool, path }), flags: 0 });
  } catch (error) {
    if (isProviderError(error, "dropped") && (await exists(session.call(pools.byUuid, { uuid: pool.uuid })))) return;
    throw refusal(error, path);
  }
}

/** The daemon's word for a name or a directory that is taken comes as a general failure with a text (9.0.0). */
function refusal(error: unknown, path: string): unknown {
  if (!(error instanceof ProviderError)) return error;
  const other = /source conflict with pool: '(.*)'/i.exec(error.fact)?.[1];
  if (other === undefined && error.code !== "exists") return error;
  const fact =
    other === undefined
      ? "a storage pool of that name exists and is not ours"
      : `${path} is the directory of the storage pool "${other}" already`;
  return new ProviderError("exists", fact, {
    where: { property: other === undefined ? "name" : "path" },
    hint: "Set adopt to its name to take it over, or choose another one.",
    cause: error,
  });
}

/** Starts it; one that runs already is what was wanted. */
async function start({ session }: LibvirtHost, pool: PoolRef): Promise<void> {
  try {
    await session.call(pools.create, { pool, flags: 0 });
  } catch (error) {
    const settled = libvirtCode(error) === ErrorCode.operationInvalid || isProviderError(error, "dropped");
    if (!settled || !(await session.call(pools.isActive, { pool }))) throw error;
  }
}

/** Stops it; one that is stopped already is what was wanted. */
async function stop({ session }: LibvirtHost, pool: PoolRef): Promise<void> {
  try {
    await untilAnswered(() => session.call(pools.destroy, { pool }));
  } catch (error) {
    if (libvirtCode(error) !== ErrorCode.operationInvalid || (await session.call(pools.isActive, { pool })))
      throw error;
  }
}

async function undo({ session }: LibvirtHost, pool: PoolRef): Promise<void> {
  await session.call(pools.destroy, { pool }).catch(() => undefined);
  await session.call(pools.undefine, { pool }).catch(() => undefined);
}

async function adopted(host: LibvirtHost, adopt: string): Promise<string> {
  const found = await poolByAnyName(host, adopt);
  if (found !== undefined) return found.uuid;
  throw new ProviderError("not-found", `there is no storage pool "${adopt}"`, {
    where: { property: "adopt" },
    hint: "Give the name or the UUID of a storage pool of the host.",
  });
}

async function remove(host: LibvirtHost, id: string, { onDelete }: Partial<InputsOf<StoragePool>>): Promise<void> {
  const { session, inventory } = host;
  inventory.forget();
  if (!isUuid(id)) throw new ProviderError("bug", `"${id}" is not the id of a storage pool`);
  const now = await observe(host, id);
  if (now === undefined) return;
  const pool = { name: now.properties.name ?? "", uuid: id };
  if (onDelete === "delete" && now.outputs.active) await refuseFull(host, pool);
  if (now.outputs.active) await stop(host, pool);
  if (onDelete === "delete") await removeDirectory(host, pool, now.outputs.active);
  await exists(untilAnswered(() => session.call(pools.undefine, { pool })));
}

/** Looked at before anything is touched. What libvirt does not list (folders, sockets) stops the removal of the directory. */
async function refuseFull({ session }: LibvirtHost, pool: PoolRef): Promise<void> {
  await session.call(pools.refresh, { pool, flags: 0 });
  const held = await session.call(pools.volumes, { pool, flags: 0 });
  if (held.length === 0) return;
  const names = held.slice(0, 3).map(({ name }) => `"${name}"`);
  const more = held.length > names.length ? ` and ${held.length - names.length} more` : "";
  throw notEmpty(`it holds ${names.join(", ")}${more}`);
}

/** `rmdir` on the host: never takes anything with it. */
async function removeDirectory(host: LibvirtHost, pool: PoolRef, restart: boolean): Promise<void> {
  try {
    await untilAnswered(() => host.session.call(pools.delete, { pool, flags: 0 }));
  } catch (error) {
    if (error instanceof ProviderError && /no such file or directory/i.test(error.fact)) return;
    if (restart) await start(host, pool);
    if (error instanceof ProviderError && /not empty/i.test(error.fact)) throw notEmpty("its directory is not empty");
    throw error;
  }
}

const notEmpty = (fact: string): ProviderError =>
  new ProviderError("busy", fact, {
    where: { property: "onDelete" },
    hint: 'Delete what it holds first, or set onDelete to "keep": then the directory stays with everything in it.',
  });

const moved = (there: string | undefined, wanted: string): ProviderError =>
  new ProviderError("exists", `it exists already, with the directory ${there ?? "of another type"} and not ${wanted}`, {
    where: { property: "path" },
    hint: "Declare that directory, or choose another name.",
  });

const exists = async (asked: Promise<unknown>): Promise<boolean> => {
  try {
    await asked;
    return true;
  } catch (error) {
    if (isProviderError(error, "not-found")) return false;
    throw error;
  }
};
