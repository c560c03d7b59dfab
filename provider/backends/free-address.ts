import { createHash } from "node:crypto";
import { type Cidr, toAddress, toNumber } from "../kinds/address.js";

/** What decides about a free address. */
export interface Occupied {
  readonly cidr: Cidr;
  /** The host's own address. */
  readonly hostAddress: string | undefined;
  /** Addresses that a DHCP server hands out to anybody. */
  readonly range: { readonly start: string; readonly end: string } | undefined;
  /** Addresses that somebody has, as numbers. */
  readonly taken: ReadonlySet<number>;
}

/** The first free address behind the place that `mac` decides; `undefined` when none is free. Pure. */
export function freeAddress({ cidr, hostAddress, range, taken }: Occupied, mac: string): string | undefined {
  const places = cidr.broadcast - cidr.network - 1;
  const begin = createHash("sha256").update(mac).digest().readUInt32BE(0) % places;
  const own = hostAddress === undefined ? -1 : toNumber(hostAddress);
  const [from, to] = range === undefined ? [0, -1] : [toNumber(range.start), toNumber(range.end)];
  for (let step = 0; step < places; step++) {
    const address = cidr.network + 1 + ((begin + step) % places);
    if (address >= from && address <= to) step += Math.min(to - address, places);
    else if (address !== own && !taken.has(address)) return toAddress(address);
  }
  return undefined;
}
