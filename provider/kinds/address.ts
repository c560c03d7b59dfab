import { isIPv4, isIPv6 } from "node:net";

/** An IPv4 network: addresses as unsigned 32-bit numbers. */
export interface Cidr {
  readonly network: number;
  readonly prefix: number;
  readonly broadcast: number;
}

export const toNumber = (address: string): number =>
  address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
export const toAddress = (n: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join(".");

/** `192.168.50.0/24` as numbers; `undefined` when it is not an IPv4 network with a prefix of 8 to 30. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", length = "", rest] = text.split("/");
  const prefix = Number(length);
  if (rest !== undefined || !isIPv4(address) || !/^\d+$/.test(length) || prefix < 8 || prefix > 30) return undefined;
  const size = 2 ** (32 - prefix);
  const network = Math.floor(toNumber(address) / size) * size;
  return { network, prefix, broadcast: network + size - 1 };
}

/** The network's own spelling: `192.168.50.7/24` is `192.168.50.0/24`. */
export const cidrText = (cidr: Cidr): string => `${toAddress(cidr.network)}/${cidr.prefix}`;
/** The first usable address: the host's own on its virtual networks. */
export const gatewayOf = (cidr: Cidr): string => toAddress(cidr.network + 1);
export const netmaskOf = (cidr: Cidr): string => toAddress(2 ** 32 - 2 ** (32 - cidr.prefix));
export const overlaps = (a: Cidr, b: Cidr): boolean => a.network <= b.broadcast && b.network <= a.broadcast;
/** True for addresses that a guest may have: neither the network's nor the broadcast address. */
export const hasGuest = (cidr: Cidr, address: string): boolean => {
  const n = toNumber(address);
  return isIPv4(address) && n > cidr.network && n < cidr.broadcast;
};

/** Is an address of either family inside `cidr` (`10.0.0.0/8`, `fd00::/8`)? False for what is not an address. */
/** Whether an address lies in a range, its ends with it. */
export const inRange = ({ start, end }: { readonly start: string; readonly end: string }, address: string): boolean =>
  toNumber(address) >= toNumber(start) && toNumber(address) <= toNumber(end);

export function within(address: string, cidr: string): boolean {
  const [base = "", length = ""] = cidr.split("/");
  const [a, b] = [bits(address), bits(base)];
  return a !== undefined && b !== undefined && a.length === b.length && a.startsWith(b.slice(0, Number(length)));
}

/** Never an answer to "where do I reach it": loopback, link-local, unspecified. */
export const isLocalOnly = (address: string): boolean =>
  isIPv4(address) ? /^(127\.|169\.254\.|0\.)/.test(address) : /^(::1?$|fe[89ab])/i.test(address);

function bits(address: string): string | undefined {
  if (isIPv4(address))
    return address
      .split(".")
      .map((p) => Number(p).toString(2).padStart(8, "0"))
      .join("");
  if (!isIPv6(address)) return undefined;
  const [head = "", tail] = address.toLowerCase().split("::");
  const groups = (s: string) => (s === "" ? [] : s.split(":"));
  const [left, right] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].map((g) => Number.parseInt(g, 16).toString(2).padStart(16, "0")).join("");
}

/** `undefined` when it is an address of this family. */
export const checkIPv4 = (value: string): string | undefined =>
  isIPv4(value) ? undefined : `must be an IPv4 address such as "192.168.50.10", not "${value}"`;
export const checkCidr4 = (value: string): string | undefined => {
  const cidr = parseCidr(value);
  if (cidr === undefined)
    return `must be an IPv4 network such as "192.168.50.0/24" with a prefix of 8 to 30, not "${value}"`;
  return cidrText(cidr) === value ? undefined : `must name the network itself: "${cidrText(cidr)}", not "${value}"`;
};
/** A network of either family, with any prefix length. */
export const checkCidr = (value: string): string | undefined => {
  const [, base = "", length = ""] = /^([^/]+)\/(\d+)$/.exec(value) ?? [];
  const most = isIPv4(base) ? 32 : isIPv6(base) ? 128 : -1;
  return most >= Number(length) ? undefined : `must be a network such as "10.0.0.0/8" or "fd00::/8", not "${value}"`;
};
export const checkMac = (value: string): string | undefined => {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(value))
    return `must be six lower-case hexadecimal pairs such as "52:54:00:12:34:56", not "${value}"`;
  return Number.parseInt(value.slice(0, 2), 16) % 2 === 1
    ? `must be a unicast address, and "${value}" is multicast`
    : undefined;
};
