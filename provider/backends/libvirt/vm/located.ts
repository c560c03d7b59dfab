import type { LibvirtHost } from "../host.js";
import { domains } from "../rpc/procedures/domain.js";
import type { DomainRef } from "../rpc/types.js";
import { describeVolume } from "../volume-lookup.js";
import { attribute, childrenOf, type Element, find, parseXml } from "../xml.js";

/** Paths of disks that a definition names by pool and volume, by their `source`: the definition itself stays as it is. */
const paths = new WeakMap<Element, string>();

/**
 * What the daemon says of a machine: what runs with flags 0, what is configured with `DomainXml.inactive`. Where disks lie
 * that are named by pool and volume is looked up, one call for each of them, so that `sourceOf` knows them; a volume
 * that is gone has no path.
 *
 * @throws `hidden`, naming the pool, when such a pool is stopped or not defined: nobody knows then what the machine has.
 */
export async function describeDomain(host: LibvirtHost, dom: DomainRef, flags: number): Promise<Element> {
  const xml = await host.session.call(domains.xml, { dom, flags });
  const domain = parseXml(xml, `the virtual machine ${dom.name || dom.uuid}`);
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
