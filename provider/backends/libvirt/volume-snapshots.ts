import { isProviderError, ProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import { domains, SnapshotList } from "./rpc/index.js";
import type { DomainRef, VolumeRef } from "./rpc/types.js";
import { describeVolume } from "./volume-lookup.js";
import type { Machine } from "./volume-use.js";
import { attribute, attributeAt, childrenAt, parseXml } from "./xml.js";

/** Why a volume must stay as large as it is: a fact and a remedy. */
export type Hindrance = Pick<ProviderError, "code" | "fact"> & { readonly hint: string };

/** What machines and their snapshots have against the growth of a volume. One call, and some for each old qcow2 in use. */
export async function hindrance(
  host: LibvirtHost,
  vol: VolumeRef,
  path: string,
  machines: readonly Machine[],
): Promise<Hindrance | undefined> {
  const described = await describeVolume(host, vol);
  const over = fileOver(machines, path);
  if (over !== undefined || described?.version !== 2) return over;
  const users = machines.filter(({ disks }) => disks.some((d) => d.path === path));
  for (const { domain } of users) {
    const [name] = await snapshotsIn(host, domain, path);
    if (name !== undefined)
      return withSnapshots(path, `the snapshot "${name}" of the virtual machine "${domain.name}"`);
  }
}

/** @throws the hindrance, with property `size`. */
export function refuseGrowth(found: Hindrance | undefined, cause?: unknown): void {
  if (found === undefined) return;
  throw new ProviderError(found.code, found.fact, { where: { property: "size" }, hint: found.hint, cause });
}

/** A machine writes to a file over this one. Volumes of pools are found elsewhere: this may lie anywhere. */
function fileOver(machines: readonly Machine[], path: string): Hindrance | undefined {
  for (const { domain, disks } of machines) {
    const below = disks.find((d) => d.below && d.path === path);
    if (below === undefined) continue;
    const top = disks.find((d) => d.disk === below.disk)?.path;
    return {
      code: "busy",
      fact: `the disk ${below.disk} of the virtual machine "${domain.name}" lies over it, in ${top}`,
      // Without a base it would go into the lowest file of all.
      hint: `If that is a snapshot, merge it while the machine runs (virsh blockcommit "${domain.name}" ${below.disk} --base "${path}" --active --pivot).`,
    };
  }
}

/** Names of the internal snapshots of a machine that lie in the file. One call, and one for each snapshot. */
async function snapshotsIn({ session }: LibvirtHost, dom: DomainRef, path: string): Promise<readonly string[]> {
  try {
    const snapshots = await session.call(domains.snapshots, { dom, flags: SnapshotList.internal });
    const texts = snapshots.map((snapshot) => session.call(domains.snapshotXml, { snapshot, flags: 0 }));
    const inFile = (await Promise.all(texts)).map((text) => filesOf(text).includes(path));
    return snapshots.flatMap(({ name }, i) => (inFile[i] ? [name] : []));
  } catch (error) {
    if (isProviderError(error, "not-found", "unsupported")) return [];
    throw error;
  }
}

/** The files that an internal snapshot lies in: the disks of its machine at that time that it names. */
function filesOf(text: string): readonly string[] {
  const root = parseXml(text, "a snapshot");
  const inside = new Set(
    childrenAt(root, "disks", "disk").flatMap((disk) =>
      attribute(disk, "snapshot") === "internal" ? (attribute(disk, "name") ?? []) : [],
    ),
  );
  return childrenAt(root, "domain/devices", "disk").flatMap((disk) =>
    inside.has(attributeAt(disk, "target", "dev") ?? "") ? (attributeAt(disk, "source", "file") ?? []) : [],
  );
}

/** QEMU's refusal of a file with snapshots that nobody knew before; `undefined` when it refused for another reason. */
export function snapshotsFound(path: string, fact: string): Hindrance | undefined {
  if (!/can't resize an? .*image which has snapshots/i.test(fact)) return undefined;
  if (/v2 image/.test(fact)) return withSnapshots(path, "internal snapshots");
  return {
    code: "unsupported",
    fact: "it holds internal snapshots, and the host's QEMU is too old to grow such a file",
    hint: `Delete the snapshots (virsh snapshot-delete, or qemu-img snapshot -d NAME "${path}").`,
  };
}

/** QEMU's qcow2_co_truncate: only version 3 keeps the size of each snapshot. */
const withSnapshots = (path: string, what: string): Hindrance => ({
  code: "unsupported",
  fact: `it is a qcow2 of version 2 (compat 0.10) with ${what}, and QEMU grows no such file`,
  hint: `Delete the snapshots, or make it version 3 on the host while nothing uses it (qemu-img amend -f qcow2 -o compat=1.1 "${path}").`,
});
