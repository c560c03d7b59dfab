import { isProviderError } from "../../../core/errors.js";
import { instanceOf } from "../../../media/nocloud.js";
import type { LibvirtHost } from "../host.js";
import { isOurUuid } from "../identity.js";
import { domains } from "../rpc/procedures/domain.js";
import { volumes } from "../rpc/procedures/storage.js";
import type { VolumeRef } from "../rpc/types.js";
import { usesOf } from "../volume-use.js";
import { machineIn } from "./seed.js";

/** Bytes in which a seed has told its machine, whatever else is on it. */
const BEGINNING = 1 << 18;

/**
 * Whether a volume is the first-boot CD of a machine that somebody undefined: by its name, and by what is on it a CD that
 * crossvisor made for a machine which the host does not have, and in no machine. Nothing else will ever delete it where a
 * refresh has taken the machine out of the state.
 */
export async function isOrphanedSeed(host: LibvirtHost, vol: VolumeRef): Promise<boolean> {
  const digits = machineIn(vol.name);
  const uuid = digits === undefined ? undefined : await machineOn(host, vol);
  if (digits === undefined || uuid === undefined || !isOurUuid(uuid) || !uuid.startsWith(digits)) return false;
  if ((await usesOf(host, vol.key, vol)).length > 0) return false;
  try {
    await host.session.call(domains.byUuid, { uuid });
    return false;
  } catch (error) {
    if (isProviderError(error, "not-found")) return true;
    throw error;
  }
}

/** The instance that a CD is for; `undefined` where that cannot be read. */
async function machineOn(host: LibvirtHost, vol: VolumeRef): Promise<string | undefined> {
  const wanted = { vol, offset: 0, length: BEGINNING, flags: 0 };
  const parts: Uint8Array[] = [];
  try {
    for await (const part of host.session.download(volumes.download, wanted))
      if (part instanceof Uint8Array) parts.push(part);
  } catch (error) {
    if (isProviderError(error, "failed", "unsupported", "denied", "invalid", "not-found")) return undefined;
    throw error;
  }
  return instanceOf(Buffer.concat(parts));
}
