import { isProviderError } from "../../../core/errors.js";
import type { LibvirtHost } from "../host.js";
import { domains } from "../rpc/procedures/domain.js";
import type { DomainRef } from "../rpc/types.js";
import { describeVolume, listVolumes } from "../volume-lookup.js";
import { baseAt } from "../volume-xml.js";
import { attribute, attributeAt, childrenAt, type Element, find, parseXml, sourceFile } from "../xml.js";
import { placeOf } from "./pool-of.js";

/** More than any sane chain of files over each other. */
const DEEPEST = 64;

/**
 * Whether the file that a disk has lies over another one: somebody made an external snapshot, and what was written since
 * is in the file on top. Told by what a running machine has open, by the headers of volumes, or by the snapshots that
 * libvirt keeps: a call for each file of the chain, or one and one for each snapshot.
 */
export async function liesOver(host: LibvirtHost, dom: DomainRef, disk: Element, below: string): Promise<boolean> {
  const top = sourceFile(disk);
  if (top === undefined) return false;
  return (
    openBelow(disk).includes(below) ||
    (await reaches(top, below, (path) => baseOf(host, path))) ||
    (await reaches(top, below, await snapshotBases(host, dom)))
  );
}

/** What a running machine has open below the file on top. */
function openBelow(disk: Element): readonly string[] {
  const next = find(disk, "backingStore");
  if (next === undefined) return [];
  const file = sourceFile(next);
  return [...(file === undefined ? [] : [file]), ...openBelow(next)];
}

type BaseOf = (path: string) => string | undefined | Promise<string | undefined>;

async function reaches(top: string, below: string, base: BaseOf): Promise<boolean> {
  let path: string | undefined = top;
  for (let depth = 0; path !== undefined && depth < DEEPEST; depth++) {
    path = await base(path);
    if (path === below) return true;
  }
  return false;
}

/** What the header of a file says, where it lies in the directory of a pool. */
async function baseOf(host: LibvirtHost, path: string): Promise<string | undefined> {
  try {
    const place = await placeOf(host, path);
    if (place === undefined) return undefined;
    const known = () => describeVolume(host, place.vol);
    // The daemon learns of a file that others made when it reads the directory anew.
    const volume = (await known()) ?? ((await listVolumes(host, place.pool)) && (await known()));
    return volume && baseAt(path, volume);
  } catch (error) {
    if (isProviderError(error, "not-found", "unsupported", "hidden")) return undefined;
    throw error;
  }
}

/** The file that each external snapshot of a machine took the place of. */
async function snapshotBases({ session }: LibvirtHost, dom: DomainRef): Promise<BaseOf> {
  const bases = new Map<string, string>();
  try {
    const snapshots = await session.call(domains.snapshots, { dom, flags: 0 });
    for (const snapshot of snapshots)
      readBases(parseXml(await session.call(domains.snapshotXml, { snapshot, flags: 0 }), "a snapshot"), bases);
  } catch (error) {
    if (!isProviderError(error, "not-found", "unsupported")) throw error;
  }
  return (path) => bases.get(path);
}

function readBases(snapshot: Element, bases: Map<string, string>): void {
  const machine = childrenAt(snapshot, "domain/devices", "disk");
  for (const disk of childrenAt(snapshot, "disks", "disk")) {
    const before = machine.find((d) => attributeAt(d, "target", "dev") === attribute(disk, "name"));
    const [over, under] = [sourceFile(disk), before && sourceFile(before)];
    if (over !== undefined && under !== undefined && over !== under) bases.set(over, under);
  }
}
