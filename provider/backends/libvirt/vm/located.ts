import type { LibvirtHost } from "../host.js";
import { domains } from "../rpc/procedures/domain.js";
import type { DomainRef } from "../rpc/types.js";
import { describeVolume } from "../volume-lookup.js";
import { attribute, attributeAt, childrenAt, type Element, find, parseXml, sourceFile } from "../xml.js";
import { liesOver } from "./layers.js";
import { readNotes } from "./notes.js";

/** Paths of disks that a definition names by pool and volume, by their `source`: the definition itself stays as it is. */
const paths = new WeakMap<Element, string>();

/** Paths of disks over which somebody's snapshot laid the file that the definition names, by their `source`. */
const below = new WeakMap<Element, string>();

/**
 * What the daemon says of a machine: what runs with flags 0, what is configured with `DomainXml.inactive`. Where disks lie
 * that are named by pool and volume is looked up, one call for each of them, so that `sourceOf` knows them; a volume
 * that is gone has no path. So is the disk under an external snapshot of others.
 *
 * @throws `hidden`, naming the pool, when such a pool is stopped or not defined: nobody knows then what the machine has.
 */
export async function describeDomain(host: LibvirtHost, dom: DomainRef, flags: number): Promise<Element> {
  const xml = await host.session.call(domains.xml, { dom, flags });
  const domain = parseXml(xml, `the virtual machine ${dom.name || dom.uuid}`);
  for (const disk of childrenAt(domain, "devices", "disk")) {
    const source = attribute(disk, "type") === "volume" ? find(disk, "source") : undefined;
    const [pool, name] = [attribute(source, "pool"), attribute(source, "volume")];
    if (source === undefined || pool === undefined || name === undefined) continue;
    const path = (await describeVolume(host, { pool, name, key: "" }))?.path;
    if (path !== undefined) paths.set(source, path);
  }
  await findLayers(host, dom, domain);
  return domain;
}

/**
 * Finds disks that have another file than the one that was put there, because an external snapshot laid it over that:
 * for these `sourceOf` tells what was put there. No call where all disks have their files.
 */
export async function findLayers(host: LibvirtHost, dom: DomainRef, domain: Element): Promise<void> {
  const notes = readNotes(domain)?.disks ?? [];
  for (const disk of childrenAt(domain, "devices", "disk")) {
    const meant = notes.find(({ target }) => target === attributeAt(disk, "target", "dev"))?.path;
    const [source, path] = [find(disk, "source"), sourceOf(disk)];
    if (source === undefined || meant === undefined || path === undefined || path === meant) continue;
    if (await liesOver(host, dom, disk, meant)) below.set(source, meant);
  }
}

/** The file or device of a disk; `undefined` for an empty drive, and for what is neither on the host nor in a pool. */
export function sourceOf(disk: Element | undefined): string | undefined {
  const source = disk && find(disk, "source");
  return source && (below.get(source) ?? sourceFile(disk) ?? paths.get(source));
}

/** The file that an external snapshot laid over a disk, and that is written to; `undefined` where there is none. */
export function layerOf(disk: Element): string | undefined {
  const source = find(disk, "source");
  return source && below.has(source) ? sourceFile(disk) : undefined;
}
