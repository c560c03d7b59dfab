import { isProviderError, ProviderError } from "../../../core/errors.js";
import type { Problem } from "../../../core/kind.js";
import type { LibvirtHost } from "../host.js";
import { domains } from "../rpc/procedures/domain.js";
import type { DomainRef } from "../rpc/types.js";
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

/** @throws `busy` when a machine that is to be deleted has snapshots: they would go with it. */
export async function refuseSnapshots(host: LibvirtHost, dom: DomainRef): Promise<void> {
  const snapshots = await snapshotsOf(host, dom);
  if (snapshots.length === 0) return;
  throw new ProviderError("busy", `it has ${named(snapshots)}, which would be lost`, {
    where: { property: "allowSnapshotLoss" },
    hint: "Delete them on the host (virsh snapshot-delete), or set allowSnapshotLoss to true and update before the deletion.",
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
  const snapshots = await snapshotsOf(host, { name: is, uuid: now.id, id: -1 });
  return snapshots.length === 0
    ? []
    : [
        {
          path: "name",
          reason: `must stay "${is}": a replacement would lose ${named(snapshots)}. Delete them on the host, or set allowSnapshotLoss to true in an update before this one`,
        },
      ];
}
