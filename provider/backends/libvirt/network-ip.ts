import { type Cidr, parseCidr, toNumber } from "../../kinds/address.js";
import { attribute, attributeAt, childrenAt, childrenOf, type Element, find } from "./xml.js";

/** A fixed address for one MAC. */
export interface HostEntry {
  readonly mac: string;
  readonly address: string;
  readonly name: string | undefined;
}

/** Addresses for whoever asks, the first and the last. */
export interface Range {
  readonly start: string;
  readonly end: string;
}

/** The IPv4 side of a network's description. */
export interface NetworkAddresses {
  /** `undefined` where the network has none, or one that crossvisor cannot manage. */
  readonly cidr: Cidr | undefined;
  /** The host's own address in it. */
  readonly hostAddress: string | undefined;
  readonly range: Range | undefined;
  readonly entries: readonly HostEntry[];
}

/** The first IPv4 `<ip>`: libvirt serves DHCP on one only. */
export const ipv4Of = (network: Element): Element | undefined =>
  childrenOf(network, "ip").find((ip) => (attribute(ip, "family") ?? "ipv4") === "ipv4");

export function addressesOf(network: Element): NetworkAddresses {
  const ip = ipv4Of(network);
  const hostAddress = attribute(ip, "address");
  const prefix = attribute(ip, "prefix") ?? prefixOf(attribute(ip, "netmask"));
  const [range] = rangesOf(network);
  const [start, end] = [attribute(range, "start"), attribute(range, "end")];
  return {
    cidr: hostAddress === undefined ? undefined : parseCidr(`${hostAddress}/${prefix ?? 24}`),
    hostAddress,
    range: start === undefined || end === undefined ? undefined : { start, end },
    entries: served(network, "host").flatMap(entryOf),
  };
}

export const modeAttribute = (network: Element): string | undefined =>
  find(network, "forward") && (attributeAt(network, "forward", "mode") ?? "nat");

/** One entry, or none where the element has no MAC or no address: crossvisor leaves those alone. */
export const entryOf = (host: Element): HostEntry[] => {
  const [mac, address] = [attribute(host, "mac")?.toLowerCase(), attribute(host, "ip")];
  return mac === undefined || address === undefined ? [] : [{ mac, address, name: attribute(host, "name") }];
};

/** The elements of entries that count, by MAC. */
export const hostElements = (network: Element): ReadonlyMap<string, Element> =>
  new Map(served(network, "host").flatMap((host) => entryOf(host).map(({ mac }) => [mac, host] as const)));

/** The ranges, of which the first one can be declared. */
export const rangesOf = (network: Element): readonly Element[] => served(network, "range");

/** What stands under that name in the description of the DHCP server. */
export function served(network: Element, name: string): readonly Element[] {
  const ip = ipv4Of(network);
  return ip === undefined ? [] : childrenAt(ip, "dhcp", name);
}

export const sameEntry = (a: HostEntry, b: HostEntry): boolean =>
  a.mac === b.mac && a.address === b.address && a.name === b.name;

const prefixOf = (netmask: string | undefined): string | undefined =>
  netmask === undefined ? undefined : String(32 - Math.log2(2 ** 32 - toNumber(netmask)));
