import { isProviderError, ProviderError } from "../../../core/errors.js";
import type { Problem } from "../../../core/kind.js";
import type { LibvirtHost } from "../host.js";
import { DomainXml } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import { type DomainRef, domainRef } from "../rpc/types.js";
import type { Element } from "../xml.js";
import { describeDomain, findLayers, layerOf } from "./located.js";
import { disksOf } from "./ours.js";
import type { MachineInputs, MachineObserved } from "./types.js";

/** The names of a machine's snapshots; none for one that is gone, and where the driver has no snapshots. One call. */
export async function snapshotsOf({ session }: LibvirtHost, dom: DomainRef): Promise<readonly string[]> {
  try {
    return (await session.call(domains.snapshots, { dom, flags: 0 })).map(({ name }) => name);
  } catch (error) {
    if (isProviderError(error, "not-found", "unsupported")) return [];
    throw error;
  }
}

/** Up to three of them, for a sentence. */
export const named = (snapshots: readonly string[]): string => {
  const some = snapshots.slice(0, 3).map((name) => `"${name}"`);
  const more = snapshots.length > some.length ? ` and ${snapshots.length - some.length} more` : "";
  return `${snapshots.length === 1 ? "the snapshot" : "the snapshots"} ${some.join(", ")}${more}`;
};

/** What would be lost with a machine: its snapshots, or one that nobody recorded, in a file over a disk. One call. */
async function lostWith(host: LibvirtHost, dom: DomainRef, describe: () => Promise<Element>) {
  const snapshots = await snapshotsOf(host, dom);
  if (snapshots.length > 0) return named(snapshots);
  const layer = disksOf(await describe()).flatMap((disk) => layerOf(disk) ?? [])[0];
  return layer === undefined ? undefined : `a snapshot in ${layer}`;
}

/** @throws `busy` when a machine that is to be deleted has snapshots: they would go with it. */
export async function refuseSnapshots(host: LibvirtHost, dom: DomainRef, domain: Element): Promise<void> {
  const lost = await lostWith(host, dom, async () => {
    await findLayers(host, dom, domain);
    return domain;
  });
  if (lost === undefined) return;
  throw new ProviderError("busy", `it has ${lost}, which would be lost`, {
    where: { property: "allowSnapshotLoss" },
    hint: "Delete or merge them on the host (virsh snapshot-delete, virsh blockcommit), or set allowSnapshotLoss to true and update before the deletion.",
  });
}

/** The same for a replacement, at preview. What counts at the deletion is what was declared before. */
export async function replacementProblems(
  host: LibvirtHost,
  { name }: Partial<MachineInputs>,
  now: MachineObserved | undefined,
  declared: Partial<MachineInputs> | undefined,
): Promise<Problem[]> {
  const is = now?.properties.name;
  if (now === undefined || is === undefined || name === undefined || name === is) return [];
  if (declared?.allowSnapshotLoss === true) return [];
  const dom = domainRef(is, now.id);
  const lost = await lostWith(host, dom, () => describeDomain(host, dom, DomainXml.inactive));
  return lost === undefined
    ? []
    : [
        {
          path: "name",
          reason: `must stay "${is}": a replacement would lose ${lost}. Delete or merge them on the host, or set allowSnapshotLoss to true in an update before this one`,
        },
      ];
}
