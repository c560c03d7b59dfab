import type { Step } from "../../core/driver.js";
import { isProviderError, ProviderError } from "../../core/errors.js";
import type { InputsOf } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";
import { formatIn } from "./formats.js";
import type { LibvirtHost } from "./host.js";
import { clearMark, isMarked, isPublishing, markOf, setMark } from "./mark.js";
import { type OpenPool, openPool } from "./pool-lookup.js";
import { volumes } from "./rpc/index.js";
import type { SecretRef, VolumeRef } from "./rpc/types.js";
import { findBase } from "./volume-base.js";
import { isRounded, refuseForBlocks, roomOf } from "./volume-block.js";
import { volumeFailure } from "./volume-failure.js";
import { grow } from "./volume-grow.js";
import { deleteVolume, describeVolume, idOf, namesIn, refOf } from "./volume-lookup.js";
import { fillPart, partOf, publish, publishedFault } from "./volume-upload.js";
import { forgetBase, refuseAttached, refuseUnderOthers } from "./volume-use.js";
import { type NewVolume, writeVolume } from "./volume-xml.js";

type Wanted = InputsOf<Kinds["Volume"]>;

/** Everything that one creation works on. */
interface Place {
  readonly host: LibvirtHost;
  readonly pool: OpenPool;
  readonly vol: VolumeRef;
  readonly path: string;
  readonly mark: SecretRef;
  readonly part: VolumeRef;
}

/**
 * Makes a volume. Its mark (see `mark.ts`) is there before its file, and where it is filled from a source the part file is
 * there until the volume is complete; before the copy under the real name begins, the mark says so. The next attempt knows
 * by that: a volume without our mark is foreign; one with our mark and no part file is done; where there is a part file, it
 * is worth nothing, and what has the real name is a copy cut short, or foreign if no copy had begun.
 */
export async function createVolume(host: LibvirtHost, wanted: Wanted, step: Step): Promise<void> {
  host.inventory.forget();
  if (wanted.adopt !== undefined) return step.made(await adopted(host, wanted.pool, wanted.adopt));
  const pool = await openPool(host, wanted.pool);
  refuseForBlocks(pool, wanted);
  const path = `${pool.path}/${wanted.name}`;
  const mark = markOf(wanted.owner, path);
  const vol = { pool: pool.name, name: wanted.name, key: "" };
  const place: Place = { host, pool, vol, path, mark, part: partOf(pool, wanted.name, mark.uuid) };
  if (await isDone(place)) {
    step.made(idOf(vol));
    return goOn(place, wanted);
  }
  await setMark(host.session, mark, wanted.owner);
  forgetBase(host, path);
  if (wanted.source === undefined) await orUndone(place, () => makeEmpty(place, wanted));
  else await makeFromSource(place, { ...wanted, source: wanted.source }, step);
  step.made(idOf(vol));
}

/** The earlier attempt may have been made with a smaller size. */
async function goOn({ host, pool, vol, path }: Place, { size, provisioning }: Wanted): Promise<void> {
  const now = size === undefined ? undefined : await describeVolume(host, vol);
  if (size === undefined || now === undefined || now.capacity === size) return;
  if (now.block && isRounded(size, now.capacity, pool)) return;
  await grow(host, vol, { path, size: now.capacity, thick: provisioning === "thick" }, size);
}

/** Whether an earlier attempt was completed; what one left unfinished is deleted. @throws `exists` for a foreign volume. */
async function isDone({ host, pool, vol, path, mark, part }: Place): Promise<boolean> {
  const { session } = host;
  const names = await namesIn(host, pool.ref);
  const there = names.has(vol.name) && (await describeVolume(host, vol)) !== undefined;
  if (there && !(await isMarked(session, mark))) throw foreign(path);
  if (!names.has(part.name)) return there;
  if (there) {
    if (!(await isPublishing(session, mark))) throw foreign(path);
    await refuseAttached(host, path, vol);
    await refuseUnderOthers(host, path, "making it anew");
    await deleteVolume(session, vol);
  }
  await deleteVolume(session, part);
  return false;
}

async function makeEmpty({ host, pool, vol }: Place, wanted: Wanted): Promise<void> {
  const base = wanted.base === undefined ? undefined : await findBase(host, wanted.base, wanted.size);
  const capacity = wanted.size ?? base?.capacity;
  if (capacity === undefined)
    throw new ProviderError("invalid", "a volume without source and base needs a size", {
      where: { property: "size" },
    });
  const under = base && wanted.base !== undefined ? { path: wanted.base, format: base.format } : undefined;
  const volume: NewVolume = {
    name: wanted.name,
    format: formatIn(pool, wanted),
    capacity,
    base: under,
    ...roomOf(pool, wanted),
  };
  const make = () => host.session.call(volumes.create, { pool: pool.ref, xml: writeVolume(volume), flags: 0 });
  try {
    await make();
  } catch (error) {
    if (!isProviderError(error, "dropped")) throw error;
    // The answer was lost. What has the name now is ours: it was not there before, and the mark was.
    if ((await describeVolume(host, vol)) === undefined) await make();
  }
}

async function makeFromSource(place: Place, wanted: Wanted & { readonly source: string }, step: Step): Promise<void> {
  const { host, pool, part, mark } = place;
  const { name, source, sha256, size } = wanted;
  const format = formatIn(pool, wanted);
  const publication = { pool, part, copy: { name, format, source, sha256, size, ...roomOf(pool, wanted) } };
  try {
    await fillPart(host, publication, step);
    // What the host copies it copies to the end.
    if (step.signal.aborted)
      throw new ProviderError("failed", "the creation was cancelled", { cause: step.signal.reason });
    await setMark(host.session, mark, wanted.owner, "publishing");
  } catch (error) {
    // Whatever the daemon still does is done to the part file, so nothing is uncertain.
    await undo(place);
    throw volumeFailure(error, pool);
  }
  step.report("publishing the volume");
  await orUndone(place, () => publish(host, publication));
  // Where this cannot be read all stays as it is: the next attempt knows by the part file that nothing is complete.
  const fault = await publishedFault(host, publication);
  if (fault !== undefined) {
    await deleteVolume(host.session, place.vol);
    await undo(place);
    throw fault;
  }
  await deleteVolume(host.session, part);
}

/**
 * A refused creation leaves nothing at the path (libvirt removes what it began), so the rest of the attempt goes too. One
 * whose outcome nobody knows leaves everything to the next attempt.
 */
async function orUndone(place: Place, create: () => Promise<void>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!isProviderError(error, "dropped", "unreachable", "timeout")) await undo(place);
    throw volumeFailure(error, place.pool);
  }
}

/** Takes away the part file and the mark. What cannot be done now is done by the next attempt. */
async function undo({ host: { session }, part, mark }: Place): Promise<void> {
  try {
    await deleteVolume(session, part);
    await clearMark(session, mark);
  } catch {
    // The failure that is told is the first one.
  }
}

const foreign = (path: string): ProviderError =>
  new ProviderError("exists", `${path} exists and is not ours`, {
    where: { property: "name" },
    hint: "Set adopt to its name to take it over, or choose another name.",
  });

/** By its name in the pool, by its id (pool and name) or by its path. */
async function adopted(host: LibvirtHost, pool: string, adopt: string): Promise<string> {
  if (adopt.startsWith("/")) {
    try {
      return idOf(await host.session.call(volumes.byPath, { path: adopt }));
    } catch (error) {
      throw isProviderError(error, "not-found") ? nothingToAdopt(adopt) : error;
    }
  }
  const vol = adopt.includes("/") ? refOf(adopt) : { pool: (await openPool(host, pool)).name, name: adopt, key: "" };
  if ((await describeVolume(host, vol)) === undefined) throw nothingToAdopt(adopt);
  return idOf(vol);
}

const nothingToAdopt = (adopt: string): ProviderError =>
  new ProviderError("not-found", `there is no volume "${adopt}"`, {
    where: { property: "adopt" },
    hint: "Give the name of a volume of the pool, its id (pool/name) or its path on the host.",
  });
