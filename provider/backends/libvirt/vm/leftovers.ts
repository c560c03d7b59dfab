import type { Step } from "../../../core/driver.js";
import { isProviderError } from "../../../core/errors.js";
import { macOf } from "../../macs.js";
import { release } from "../allotment.js";
import type { LibvirtHost } from "../host.js";
import { isUuid } from "../identity.js";
import { byName } from "../network-ref.js";
import { macHolders } from "./claims.js";
import { deleteSeedsBeside } from "./seed.js";
import type { MachineInputs } from "./types.js";

/**
 * Removes what a machine has outside of its definition where there is no definition: somebody else removed it, or libvirt
 * refused it. Where its seed and its addresses are follows from the declaration. Without this nobody would ever delete
 * them, and their pool could not be deleted. With `report` a stopped pool is started for that, as `inPool` says.
 */
export async function removeLeftovers(
  host: LibvirtHost,
  id: string,
  declared: Partial<MachineInputs>,
  report?: Step["report"],
): Promise<void> {
  const { name, cloudInit, disks, networks } = declared;
  const first = disks?.[0];
  if (name !== undefined && cloudInit !== undefined)
    await deleteSeedsBeside(host, { uuid: id, name, disk: first?.volume ?? first?.path }, report);
  const elsewhere = new Set((await macHolders(host, id, networks)).map(({ mac }) => mac));
  for (const nic of networks ?? []) {
    // What another machine has by now is its own.
    if (nic.mac !== undefined && elsewhere.has(nic.mac)) continue;
    const { network } = nic;
    const uuid = network === undefined || isUuid(network) ? network : (await byName(host, network))?.uuid;
    if (uuid !== undefined) await release(host, uuid, nic.mac ?? macOf(id, nic.name));
  }
}

/**
 * Runs the steps up to a definition. When the host refuses one of them, nothing of them stays; when nobody knows how far
 * it came, the next attempt finds what there is.
 */
export async function leavingNothing<T>(step: () => Promise<T>, clear: () => Promise<void>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!isProviderError(error, "dropped", "unreachable", "timeout")) await clear().catch(() => undefined);
    throw error;
  }
}
