import type { LibvirtHost } from "../host.js";
import { describeVolume } from "../volume-lookup.js";
import { attribute, childrenOf, type Element, find } from "../xml.js";

/** Paths of disks that a definition names by pool and volume, by their `source`: the definition itself stays as it is. */
const paths = new WeakMap<Element, string>();

/**
 * Looks up where the disks lie that a definition names by pool and volume, so that `sourceOf` knows them. One call for
 * each of them. A volume that is gone has no path.
 *
 * @throws `failed`, naming the pool, when it is stopped or not defined: nobody knows then what the machine has.
 */
export async function located(host: LibvirtHost, domain: Element): Promise<Element> {
  const devices = find(domain, "devices");
  for (const disk of devices ? childrenOf(devices, "disk") : []) {
    const source = attribute(disk, "type") === "volume" ? find(disk, "source") : undefined;
    const [pool, name] = [attribute(source, "pool"), attribute(source, "volume")];
    if (source === undefined || pool === undefined || name === undefined) continue;
    const path = (await describeVolume(host, { pool, name, key: "" }))?.path;
    if (path !== undefined) paths.set(source, path);
  }
  return domain;
}

/** The file or device of a disk; `undefined` for an empty drive, and for what is neither on the host nor in a pool. */
export function sourceOf(disk: Element | undefined): string | undefined {
  const source = disk && find(disk, "source");
  return source && (attribute(source, "file") ?? attribute(source, "dev") ?? paths.get(source));
}
