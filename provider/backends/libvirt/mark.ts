import { isProviderError, ProviderError } from "../../core/errors.js";
import { untilAnswered } from "./answered.js";
import type { LibvirtHost } from "./host.js";
import { uuidOf } from "./identity.js";
import { secrets } from "./rpc/index.js";
import type { Session } from "./rpc/session.js";
import type { SecretRef } from "./rpc/types.js";
import { parseXml, textAt, write } from "./xml.js";

const MADE = "crossvisor: mark of a volume";
const PUBLISHING = "crossvisor: mark of a volume that is being published";

/** `usageType` of a secret that belongs to a volume. */
const VOLUME = 1;

/**
 * The mark of a volume that we make. Volumes carry no metadata, so it is a secret of libvirt without a value, defined for
 * the use with the volume's path, whose UUID is made of the owner and the path: only who knows the owner can have made it.
 * libvirt keeps one secret for each path, and uses it by itself only where a refresh of a pool finds an *encrypted*
 * volume at the path (storage_util.c, virStorageBackendFileSystemLoadDefaultSecrets); machines name secrets by UUID.
 *
 * It is set before anything is made at the path and taken away last. Where the driver keeps no secrets (`test:///`, a
 * host without virtsecretd) nothing is marked: then a volume that exists is never taken for ours.
 */
export const markOf = (owner: string, path: string): SecretRef => ({
  uuid: uuidOf("Volume", owner, path),
  usageType: VOLUME,
  usageID: path,
});

export async function isMarked(session: Session, mark: SecretRef): Promise<boolean> {
  try {
    return (await session.call(secrets.byUuid, { uuid: mark.uuid })).usageID === mark.usageID;
  } catch (error) {
    if (isProviderError(error, "not-found") || keepsNone(error)) return false;
    throw error;
  }
}

/** Where the volume of an owner and a name lies by its mark; `undefined` without one. At most one call. */
export async function markedPath({ inventory }: LibvirtHost, owner: string, name: string): Promise<string | undefined> {
  const marks = (await inventory.secrets()).filter((s) => s.usageType === VOLUME && s.usageID.endsWith(`/${name}`));
  return marks.find(({ uuid, usageID }) => uuid === markOf(owner, usageID).uuid)?.usageID;
}

/** Whether the mark says that what is at the path may be a copy that was cut short. */
export async function isPublishing(session: Session, mark: SecretRef): Promise<boolean> {
  return (await session.call(secrets.xml, { secret: mark, flags: 0 })).includes(PUBLISHING);
}

/**
 * How far a volume is. `publishing`: a copy of a complete upload is being made at its path, so what is there may be cut
 * short and is ours for sure.
 */
export type Stage = "made" | "publishing";

/** May be repeated, with another stage too. @throws `exists` when the path has the mark of somebody else. */
export async function setMark(session: Session, mark: SecretRef, owner: string, stage: Stage = "made"): Promise<void> {
  const xml = write([
    "secret",
    { ephemeral: "no", private: "no" },
    ["uuid", {}, mark.uuid],
    ["description", {}, `${stage === "publishing" ? PUBLISHING : MADE}, owner ${owner}`],
    ["usage", { type: "volume" }, ["volume", {}, mark.usageID]],
  ]);
  try {
    await untilAnswered(() => session.call(secrets.define, { xml, flags: 0 }));
  } catch (error) {
    if (keepsNone(error)) return;
    if (!isProviderError(error, "exists")) throw error;
    const uuid = /UUID ([0-9a-f-]{36})/i.exec(error.fact)?.[1];
    throw new ProviderError("exists", `${mark.usageID} belongs to somebody else: the secret ${uuid ?? ""} marks it`, {
      where: { property: "name" },
      hint: `Choose another name; if its owner is gone for good, remove the mark on the host (virsh secret-undefine ${uuid ?? "UUID"}).`,
      cause: error,
    });
  }
}

/** Succeeds when there is none. */
export async function clearMark(session: Session, mark: SecretRef): Promise<void> {
  try {
    await untilAnswered(() => session.call(secrets.undefine, { secret: mark }));
  } catch (error) {
    if (!isProviderError(error, "not-found") && !keepsNone(error)) throw error;
  }
}

/** Gives the volume at a path to another owner. One that carries no mark of ours gets none. */
export async function passMark(session: Session, path: string, owner: string): Promise<void> {
  const mark = markOf(owner, path);
  try {
    const old = await session.call(secrets.byUsage, { usageType: VOLUME, usageId: path });
    if (old.uuid === mark.uuid) return;
    const xml = await session.call(secrets.xml, { secret: old, flags: 0 });
    if (!xml.includes(MADE)) return;
    await clearMark(session, old);
  } catch (error) {
    if (isProviderError(error, "not-found") || keepsNone(error)) return;
    throw error;
  }
  await setMark(session, mark, owner);
}

/** Whose the marked volumes are, by path. One call for each mark. */
export async function volumeOwners({ session, inventory }: LibvirtHost): Promise<ReadonlyMap<string, string>> {
  const marks = (await inventory.secrets()).filter(({ usageType }) => usageType === VOLUME);
  const read = async (secret: SecretRef): Promise<[string, string][]> => {
    try {
      const xml = await session.call(secrets.xml, { secret, flags: 0 });
      const text = textAt(parseXml(xml, `the secret ${secret.uuid}`), "description") ?? "";
      const [, owner] = /^crossvisor: mark of a volume.*?, owner (.*)$/s.exec(text) ?? [];
      return owner === undefined ? [] : [[secret.usageID, owner]];
    } catch (error) {
      if (isProviderError(error, "not-found")) return [];
      throw error;
    }
  };
  return new Map((await Promise.all(marks.map(read))).flat());
}

const keepsNone = (error: unknown): boolean =>
  isProviderError(error, "unsupported") || (error instanceof ProviderError && /virtsecretd/.test(error.fact));
