import type { Observed, Step } from "../../core/driver.js";
import { isProviderError, ProviderError } from "../../core/errors.js";
import type { InputsOf } from "../../core/kind.js";
import { groupOf, type Kinds } from "../../kinds/index.js";
import { untilAnswered } from "./answered.js";
import type { LibvirtHost } from "./host.js";
import { uuidOf } from "./identity.js";
import { placeProblems } from "./pool-examine.js";
import { poolFailure } from "./pool-failure.js";
import { groupsOf } from "./pool-group.js";
import { poolByAnyName } from "./pool-lookup.js";
import { observePool } from "./pool-observe.js";
import { plainPath, readPool, writePool } from "./pool-xml.js";
import { refuse, SAME_UUID_HINT, sameUuid } from "./refusal.js";
import { libvirtCode } from "./rpc/errors.js";
import { ErrorCode, pools } from "./rpc/index.js";
import type { PoolRef } from "./rpc/types.js";

type StoragePool = Kinds["StoragePool"];
type Wanted = InputsOf<StoragePool>;

/** Makes a pool, or goes on with what an earlier attempt of the same owner made. */
export async function createPool(host: LibvirtHost, wanted: Wanted, step: Step): Promise<void> {
  const { session, inventory } = host;
  inventory.forget();
  if (wanted.adopt !== undefined) return step.made(await adopted(host, wanted.adopt));
  if (wanted.path !== undefined && wanted.path !== plainPath(wanted.path))
    throw new ProviderError("invalid", `"${wanted.path}" has needless slashes`, {
      where: { property: "path" },
      hint: `Write "${plainPath(wanted.path)}".`,
    });
  const uuid = uuidOf("StoragePool", wanted.owner, wanted.name);
  const pool = { name: wanted.name, uuid };
  const before = await observePool(host, uuid);
  if (before !== undefined && before.properties.name !== wanted.name)
    refuse([{ path: "name", reason: `${sameUuid(before.properties.name ?? uuid)}: ${SAME_UUID_HINT}` }]);
  if (before?.outputs.active !== true && wanted.type === "logical") await refuseGroup(host, wanted, uuid);
  if (before === undefined) await define(host, pool, wanted);
  else refuseMoved(before, wanted);
  try {
    if (before?.outputs.active !== true) {
      await build(host, pool, wanted);
      if (wanted.active) await startPool(host, pool);
    }
    if (before?.outputs.active === true && !wanted.active) await stopPool(host, pool, wanted);
    if (before?.properties.autostart !== wanted.autostart)
      await untilAnswered(() => session.call(pools.setAutostart, { pool, autostart: wanted.autostart }));
  } catch (error) {
    // A pool that cannot be started is of no use: it goes, and the next attempt begins anew. Not when nobody knows how
    // far the host came: then the next attempt finds it by its UUID.
    if (before === undefined && !isProviderError(error, "dropped", "unreachable", "timeout")) await undo(host, pool);
    throw atPath(poolFailure(error, wanted), wanted);
  }
  step.made(uuid);
}

/** libvirt lets two pools have one volume group, and writes to devices that a machine has (9.0.0). @throws `invalid`. */
async function refuseGroup(host: LibvirtHost, wanted: Wanted, uuid: string): Promise<void> {
  const others = [...(await host.inventory.pools()).values()].map(({ ref }) => ref).filter((ref) => ref.uuid !== uuid);
  const [problem] = await placeProblems(host, wanted, others);
  // What was read just now is not what the host will have after this creation.
  host.inventory.forget();
  if (problem !== undefined) throw new ProviderError("invalid", problem.reason, { where: { property: problem.path } });
}

/**
 * Makes a directory if it is missing; one that exists stays as it is, with what is in it. A volume group is made only
 * when the host has none of the name and the declaration says the word; libvirt then refuses devices with a signature.
 */
async function build(host: LibvirtHost, pool: PoolRef, wanted: Wanted): Promise<void> {
  const make = () => host.session.call(pools.build, { pool, flags: 0 });
  if (wanted.type !== "logical") return untilAnswered(make);
  if (!wanted.build || (await groupsOf(host)).has(groupOf(wanted))) return;
  try {
    await make();
  } catch (error) {
    if (!isProviderError(error, "dropped")) throw error;
    host.inventory.forget();
    // A second attempt would take the first one's work for somebody else's.
    if (!(await groupsOf(host)).has(groupOf(wanted))) await make();
  }
}

/** The daemon makes the directory or opens it: whatever else it says of one is about the path. */
const atPath = (error: unknown, { type }: Wanted): unknown => {
  if (!(error instanceof ProviderError) || error.where.property !== undefined || type === "logical") return error;
  const { code, fact, where, cause } = error;
  const hint = error.hint ?? "It must be a directory, or one that the daemon can make: check the path on the host.";
  return new ProviderError(code, fact, { where: { ...where, property: "path" }, hint, cause });
};

async function define({ session }: LibvirtHost, pool: PoolRef, wanted: Wanted): Promise<void> {
  try {
    await session.call(pools.define, { xml: writePool({ ...wanted, ...pool }), flags: 0 });
  } catch (error) {
    if (isProviderError(error, "dropped") && (await exists(session.call(pools.byUuid, { uuid: pool.uuid })))) return;
    throw refusal(poolFailure(error, wanted), wanted);
  }
}

/** The daemon's word for a name or a place that is taken comes as a general failure with a text (9.0.0). */
function refusal(error: unknown, { type, path }: Wanted): unknown {
  if (!(error instanceof ProviderError)) return error;
  const other = /source conflict with pool: '(.*)'/i.exec(error.fact)?.[1];
  if (other === undefined && error.code !== "exists") return error;
  const fact =
    other === undefined
      ? "a storage pool of that name exists and is not ours"
      : `${type === "dir" ? `${path} is the directory` : "that is the source"} of the storage pool "${other}" already`;
  return new ProviderError("exists", fact, {
    where: { property: other === undefined ? "name" : type === "dir" ? "path" : "source" },
    hint: "Set adopt to its name to take it over, or choose another one.",
    cause: error,
  });
}

/** Starts it; one that runs already is what was wanted. */
export async function startPool({ session }: LibvirtHost, pool: PoolRef): Promise<void> {
  try {
    await session.call(pools.create, { pool, flags: 0 });
  } catch (error) {
    const settled = libvirtCode(error) === ErrorCode.operationInvalid || isProviderError(error, "dropped");
    if (!settled || !(await session.call(pools.isActive, { pool }))) throw error;
  }
}

/** Stops it; one that is stopped already is what was wanted. */
export async function stopPool({ session }: LibvirtHost, pool: PoolRef, what: Partial<Wanted>): Promise<void> {
  try {
    await untilAnswered(() => session.call(pools.destroy, { pool }));
  } catch (error) {
    if (libvirtCode(error) !== ErrorCode.operationInvalid || (await session.call(pools.isActive, { pool })))
      throw stillUsed(error, what);
  }
}

/** A volume group or a mount that something uses cannot be let go. */
function stillUsed(error: unknown, { type = "dir", source }: Partial<Wanted>): unknown {
  const busy = error instanceof ProviderError && /(target|device) is busy|in use|open logical volume/i.test(error.fact);
  if (!busy) return poolFailure(error, { type, source });
  return new ProviderError("busy", "its volumes are in use on the host", {
    hint: "Shut down the virtual machines whose disks lie in it, and unmount what the host has mounted from it.",
    cause: error,
  });
}

async function undo({ session }: LibvirtHost, pool: PoolRef): Promise<void> {
  await session.call(pools.destroy, { pool }).catch(() => undefined);
  await session.call(pools.undefine, { pool }).catch(() => undefined);
}

async function adopted(host: LibvirtHost, adopt: string): Promise<string> {
  const found = await poolByAnyName(host, adopt);
  const wrong = (code: "not-found" | "unsupported", fact: string, hint: string) =>
    new ProviderError(code, fact, { where: { property: "adopt" }, hint });
  if (found === undefined)
    throw wrong(
      "not-found",
      `there is no storage pool "${adopt}"`,
      "Give the name or the UUID of a storage pool of the host.",
    );
  const { type } = readPool(await host.session.call(pools.xml, { pool: found, flags: 0 }));
  if (type in TYPES) return found.uuid;
  throw wrong(
    "unsupported",
    `the storage pool "${adopt}" has the type ${type}, which is not supported`,
    `Adopt one of the types ${Object.keys(TYPES).join(", ")}; a pool of another type can be used without a StoragePool, by its name.`,
  );
}

const TYPES: Readonly<Record<Wanted["type"], true>> = { dir: true, logical: true, netfs: true };

/** @throws `exists` when what is there of the same owner and name is another place. */
function refuseMoved({ properties: there }: Observed<StoragePool>, wanted: Wanted): void {
  const inSource = Object.entries(wanted.source ?? {}).map(
    ([field, value]) => [`source.${field}`, value, there.source?.[field as keyof typeof wanted.source]] as const,
  );
  const all = [["type", wanted.type, there.type], ["path", wanted.path, there.path], ...inSource] as const;
  const other = all.find(([, want, is]) => want !== undefined && JSON.stringify(want) !== JSON.stringify(is));
  if (other === undefined) return;
  const [property, want, is] = other;
  throw new ProviderError(
    "exists",
    `it exists already, with ${property} ${String(is ?? "unset")} and not ${String(want)}`,
    {
      where: { property },
      hint: "Declare it as it is, or choose another name.",
    },
  );
}

/** Whether a question about an object was answered, or the object is not there. */
export const exists = async (asked: Promise<unknown>): Promise<boolean> => {
  try {
    await asked;
    return true;
  } catch (error) {
    if (isProviderError(error, "not-found")) return false;
    throw error;
  }
};
