import type { Step } from "../../../core/driver.js";
import { isProviderError } from "../../../core/errors.js";
import { release } from "../allotment.js";
import type { LibvirtHost } from "../host.js";
import { Undefine } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import { type DomainRef, domainRef } from "../rpc/types.js";
import { attribute, type Element, parseXml, textAt } from "../xml.js";
import { removeLeftovers } from "./leftovers.js";
import { readNotes } from "./notes.js";
import { stop } from "./power.js";
import { deleteSeeds } from "./seed.js";
import { refuseSnapshots } from "./snapshots.js";
import type { MachineInputs } from "./types.js";

/** What libvirt refuses to undefine without being told: its own records of the machine, never a disk. Newest last. */
const RECORDS = [Undefine.managedSave | Undefine.nvram, Undefine.checkpointsMetadata, Undefine.tpm] as const;

/**
 * Shuts the guest down by the declared policy and removes the machine with its firmware variables, TPM state, seed and
 * allotted addresses. Its disks stay: they are Volumes, or nobody's business. A machine with snapshots is left as it is
 * unless the declaration says the word. At most nine calls.
 */
export async function remove(
  host: LibvirtHost,
  id: string,
  declared: Partial<MachineInputs>,
  step: Step,
): Promise<void> {
  host.inventory.forget();
  const dom = domainRef(declared.name ?? "", id);
  const live = await describe(host, dom);
  if (live === undefined) return removeLeftovers(host, id, declared, step.report);
  const mayLose = declared.allowSnapshotLoss === true;
  if (!mayLose) await refuseSnapshots(host, dom, live);
  const notes = readNotes(live);
  if (attribute(live, "id") !== undefined) await stop(host, live, declared.shutdown, step);
  // The definition goes last: it alone tells where the rest is, also to an attempt after one that broke off.
  for (const nic of notes?.nics ?? [])
    if (nic.allotted !== undefined && nic.uuid !== undefined) await release(host, nic.uuid, nic.mac);
  const name = textAt(live, "name") ?? "";
  if (notes?.seed !== undefined) await deleteSeeds(host, { uuid: id, name }, notes.seed, step.report);
  await undefine(host, dom, mayLose);
}

/** What runs, or what is defined when nothing does; `undefined` when there is no such machine. */
async function describe(host: LibvirtHost, dom: DomainRef): Promise<Element | undefined> {
  try {
    return parseXml(await host.session.call(domains.xml, { dom, flags: 0 }), `the virtual machine ${dom.name}`);
  } catch (error) {
    if (isProviderError(error, "not-found")) return undefined;
    throw error;
  }
}

/** Takes the definition away, with libvirt's own records. Older daemons know fewer flags and refuse those they do not know. */
export async function undefine(host: LibvirtHost, dom: DomainRef, withSnapshots: boolean): Promise<void> {
  for (let known: number = RECORDS.length; ; known--) {
    const flags = RECORDS.slice(0, known).reduce(
      (sum, flag) => sum | flag,
      withSnapshots ? Undefine.snapshotsMetadata : 0,
    );
    try {
      return await host.session.call(domains.undefine, { dom, flags });
    } catch (error) {
      if (isProviderError(error, "not-found")) return;
      if (isProviderError(error, "dropped") && !(await exists(host, dom))) return;
      const isOlder = error instanceof Error && /unsupported flags/.test(error.message);
      if (!isOlder || known === 0) throw error;
    }
  }
}

async function exists(host: LibvirtHost, dom: DomainRef): Promise<boolean> {
  try {
    await host.session.call(domains.byUuid, { uuid: dom.uuid });
    return true;
  } catch (error) {
    if (isProviderError(error, "not-found")) return false;
    throw error;
  }
}
