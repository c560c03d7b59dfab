import type { Change } from "../../core/driver.js";
import { ProviderError } from "../../core/errors.js";
import { type Cidr, gatewayOf, hasGuest, parseCidr, toAddress, toNumber } from "../../kinds/address.js";
import { addressingOf } from "../../kinds/network.js";
import { freeAddress } from "../free-address.js";
import { hostAttributes, hostElement, renewed } from "./network-entry.js";
import { addressesOf, entryOf, type HostEntry, ipv4Of, type Range, sameEntry } from "./network-ip.js";
import { allottedEntries, readMark, writeMark } from "./network-mark.js";
import { type Mode, modeOf, type NetworkInputs } from "./network-read.js";
import { append, childrenOf, type Element, elements, ensure, find, removeElement, setAttributes } from "./xml.js";

/** A part of a declaration that is written by itself. What no part touches stays as the host has it. */
export type Part =
  | "owner"
  | "description"
  | "mode"
  | "cidr"
  | "addressing"
  | "dhcp.range"
  | "dhcp.hosts"
  | "dns.domain"
  | "dns.hosts"
  | "mtu"
  | "bridge"
  | "autostart";

export const EVERY_PART: ReadonlySet<Part> = new Set<Part>([
  "owner",
  "description",
  "mode",
  "cidr",
  "addressing",
  "dhcp.range",
  "dhcp.hosts",
  "dns.domain",
  "dns.hosts",
  "mtu",
  "bridge",
  "autostart",
]);

/** The parts that changes touch. */
export function partsOf(changes: readonly Pick<Change, "property" | "field" | "before" | "after">[]): Set<Part> {
  const parts = changes.flatMap(({ property, field, before, after }) => {
    if (property !== "dhcp" && property !== "dns") return [property];
    const fields = field === undefined ? [...Object.keys(before ?? {}), ...Object.keys(after ?? {})] : [field];
    return fields.map((f) => `${property}.${f.split(".")[0]}`);
  });
  return new Set(parts.filter((p): p is Part => EVERY_PART.has(p as Part)));
}

const FORWARD: Readonly<Partial<Record<Mode, string>>> = { nat: "nat", routed: "route", bridged: "bridge" };

/** Brings the touched parts of an inactive definition to what is wanted. Elements that nobody here writes survive. */
export function settle(
  network: Element,
  wanted: NetworkInputs,
  parts: ReadonlySet<Part>,
  pending: readonly string[],
): void {
  const was = modeOf(network);
  const hosts = hostsFor(network, wanted, parts);
  if (parts.has("mode")) setMode(network, wanted, was);
  if (parts.has("mode") || parts.has("bridge")) setBridge(network, wanted, was === "bridged" || parts.has("bridge"));
  if (parts.has("mtu")) setElement(network, "mtu", { size: wanted.mtu });
  if (parts.has("dns.domain")) setDomain(network, wanted.dns?.domain);
  if (parts.has("dns.hosts")) setDnsHosts(network, wanted.dns?.hosts ?? []);
  if (parts.has("cidr")) setCidr(network, wanted.cidr);
  setDhcp(network, wanted, hosts, parts);
  writeMark(network, {
    owner: wanted.owner,
    addressing: addressingOf(wanted),
    description: wanted.description,
    declared: declaredHosts(wanted).map((h) => h.mac),
    pending,
  });
}

export const declaredHosts = (wanted: NetworkInputs): readonly HostEntry[] =>
  (wanted.dhcp?.hosts ?? []).map(({ mac, address, name }) => ({ mac, address, name }));

/**
 * The entries that the network shall have: the declared ones in their order, then, on a managed network, what was
 * allotted. Where the cidr changes those keep their place in it as far as that is free.
 */
export function hostsFor(network: Element, wanted: NetworkInputs, parts: ReadonlySet<Part>): readonly HostEntry[] {
  const declared = parts.has("dhcp.hosts") ? declaredHosts(wanted) : keptHosts(network, wanted);
  if (addressingOf(wanted) !== "managed") return parts.has("addressing") ? declaredHosts(wanted) : declared;
  const own = new Set(declared.map((h) => h.mac));
  const present = allottedEntries(network).filter((e) => !own.has(e.mac));
  const allotted = parts.has("cidr") ? moved(network, wanted, { present, declared }) : present;
  for (const host of declared) refuseClash(host, allotted);
  return [...declared, ...allotted];
}

/** Entries that stay because no change touches them: an adopted network has some that were never declared. */
const keptHosts = (network: Element, wanted: NetworkInputs): readonly HostEntry[] => {
  const declared = readMark(network)?.declared ?? declaredHosts(wanted).map((h) => h.mac);
  const managed = addressingOf(wanted) === "managed" && readMark(network) !== undefined;
  return addressesOf(network).entries.filter((e) => !managed || declared.includes(e.mac));
};

/** Throws `exists` when a declared entry would take the address or the name of an allotted one. */
export function refuseClash(host: HostEntry, allotted: readonly HostEntry[]): void {
  const clash = allotted.find((e) => e.address === host.address || (e.name !== undefined && e.name === host.name));
  if (clash === undefined) return;
  const what = clash.address === host.address ? host.address : `the name "${host.name}"`;
  throw new ProviderError("exists", `${what} is allotted to ${clash.name ?? "an interface"} (${clash.mac})`, {
    where: { property: "dhcp.hosts" },
    hint: "Declare another one, or give that machine's interface another address first.",
  });
}

interface Entries {
  readonly present: readonly HostEntry[];
  readonly declared: readonly HostEntry[];
}

function moved(network: Element, wanted: NetworkInputs, { present, declared }: Entries): readonly HostEntry[] {
  const before = addressesOf(network).cidr;
  const after = wanted.cidr === undefined ? undefined : parseCidr(wanted.cidr);
  if (after === undefined || before === undefined) return [];
  const hostAddress = gatewayOf(after);
  const taken = new Set([...declared.map((h) => h.address), hostAddress].map(toNumber));
  return present.flatMap((entry) => {
    const same = toAddress(after.network + (toNumber(entry.address) - before.network));
    const free = fits(after, same) && !taken.has(toNumber(same));
    const range = wanted.dhcp?.range;
    const address = free ? same : freeAddress({ cidr: after, hostAddress, range, taken }, entry.mac);
    if (address === undefined) return [];
    taken.add(toNumber(address));
    return [{ ...entry, address }];
  });
}

const fits = (cidr: Cidr, address: string): boolean => hasGuest(cidr, address) && address !== gatewayOf(cidr);

function setMode(network: Element, { mode }: NetworkInputs, was: Mode | undefined): void {
  const forward = FORWARD[mode];
  if (forward === undefined) removeElement(find(network, "forward"));
  else {
    const element = ensure(network, "forward");
    element.setAttribute("mode", forward);
    if (mode === "bridged" && was !== "bridged") {
      element.removeAttribute("dev");
      for (const name of ["interface", "nat"]) drop(element, name);
    } else if (mode !== "nat") drop(element, "nat");
  }
  if (mode === "private" || mode === "bridged")
    for (const name of ["ip", "dns", "domain", "route"]) drop(network, name);
  if (mode === "bridged") for (const name of ["mac", "mtu"]) drop(network, name);
}

/** Without a declared name the host chooses one; it keeps its choice unless the present name was declared (`forget`). */
function setBridge(network: Element, { mode, bridge }: NetworkInputs, forget: boolean): void {
  const element = ensure(network, "bridge");
  if (mode === "bridged") {
    for (const name of ["stp", "delay", "macTableManager", "zone"]) element.removeAttribute(name);
  } else {
    if (!element.hasAttribute("stp")) element.setAttribute("stp", "on");
    if (!element.hasAttribute("delay")) element.setAttribute("delay", "0");
    if (forget && bridge === undefined) element.removeAttribute("name");
  }
  if (bridge !== undefined) element.setAttribute("name", bridge);
}

function setDomain(network: Element, name: string | undefined): void {
  const wanted = name === "" ? undefined : name;
  if (wanted !== undefined && find(network, "domain") === undefined) append(network, ["domain", { localOnly: "yes" }]);
  setElement(network, "domain", { name: wanted });
}

function setDnsHosts(
  network: Element,
  hosts: readonly { readonly address: string; readonly names: readonly string[] }[],
) {
  const dns = find(network, "dns") ?? (hosts.length > 0 ? append(network, ["dns"]) : undefined);
  if (dns === undefined) return;
  drop(dns, "host");
  for (const host of hosts) append(dns, dnsElement(host));
}

export const dnsElement = ({ address, names }: { readonly address: string; readonly names: readonly string[] }) =>
  ["host", { ip: address }, ...names.map((name) => ["hostname", {}, name] as const)] as const;

function setCidr(network: Element, text: string | undefined): void {
  const cidr = text === undefined ? undefined : parseCidr(text);
  const present = ipv4Of(network);
  if (cidr === undefined) {
    removeElement(present);
    return;
  }
  const ip = present ?? append(network, ["ip"]);
  ip.removeAttribute("netmask");
  ip.setAttribute("address", gatewayOf(cidr));
  ip.setAttribute("prefix", String(cidr.prefix));
}

function setDhcp(network: Element, wanted: NetworkInputs, hosts: readonly HostEntry[], parts: ReadonlySet<Part>): void {
  const ip = ipv4Of(network);
  if (ip === undefined) return;
  const present = find(ip, "dhcp");
  if (parts.has("addressing") && addressingOf(wanted) === "none") {
    removeElement(present);
    return;
  }
  const range = parts.has("dhcp.range") ? wanted.dhcp?.range : undefined;
  if (range === undefined && hosts.length === 0 && present === undefined) return;
  const dhcp = present ?? append(ip, ["dhcp"]);
  if (parts.has("dhcp.range")) setRange(dhcp, range);
  setHosts(dhcp, hosts);
  if (childrenOf(dhcp, "host").length + childrenOf(dhcp, "range").length === 0) removeElement(dhcp);
}

/** The first range, which is the declared one. Those that others added after it go only when none is wanted. */
function setRange(dhcp: Element, range: Range | undefined): void {
  if (range === undefined) drop(dhcp, "range");
  else
    setAttributes(find(dhcp, "range") ?? append(dhcp, ["range"], elements(dhcp)[0] ?? null), {
      start: range.start,
      end: range.end,
    });
}

/** The entries in this order. One that is there already keeps all that its element has; entries without a MAC stay. */
function setHosts(dhcp: Element, hosts: readonly HostEntry[]): void {
  const present = childrenOf(dhcp, "host").flatMap((element) => entryOf(element).map((entry) => ({ element, entry })));
  const isSo = ({ entry }: (typeof present)[number], i: number) => hosts[i] !== undefined && sameEntry(entry, hosts[i]);
  if (present.length === hosts.length && present.every(isSo)) return;
  for (const { element } of present) removeElement(element);
  const rest = childrenOf(dhcp, "bootp")[0] ?? null;
  for (const host of hosts) {
    const kept = present.find(({ entry }) => entry.mac === host.mac);
    if (kept) dhcp.insertBefore(renewed(kept.element, hostAttributes(host)), rest);
    else append(dhcp, hostElement(host), rest);
  }
}

const drop = (parent: Element, name: string): void => {
  for (const element of childrenOf(parent, name)) removeElement(element);
};

/** The element with exactly these attributes beside what it has; removed when the first one is not given. */
function setElement(network: Element, name: string, attributes: Readonly<Record<string, string | number | undefined>>) {
  if (Object.values(attributes)[0] === undefined) {
    removeElement(find(network, name));
    return;
  }
  const element = ensure(network, name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) element.setAttribute(key, String(value));
}
