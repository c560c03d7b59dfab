import type { Observed } from "../../core/driver.js";
import type { InputsOf } from "../../core/kind.js";
import { cidrText } from "../../kinds/address.js";
import type { Network } from "../../kinds/network.js";
import { addressesOf, entryOf, type HostEntry, ipv4Of, modeAttribute, served } from "./network-ip.js";
import { type Addressing, type Mark, readMark } from "./network-mark.js";
import { attribute, attributeAt, childrenAt, childrenOf, type Element, elements, find, numberOf } from "./xml.js";

export type NetworkInputs = InputsOf<typeof Network>;
export type ObservedNetwork = Observed<typeof Network>;
export type Mode = NetworkInputs["mode"];

const MODES: Readonly<Record<string, Mode>> = { nat: "nat", route: "routed", bridge: "bridged" };

/** `undefined` for libvirt's other ways (`open`, `hostdev`, …), which only adopted networks can have. */
export function modeOf(network: Element): Mode | undefined {
  const forward = modeAttribute(network);
  if (forward !== undefined) return MODES[forward];
  return find(network, "ip") ? "isolated" : "private";
}

/** Every property that an inactive definition shows, in normal form. Those that are pending are left out. */
export function propertiesOf(network: Element, autostart: boolean): Partial<NetworkInputs> {
  const mark = readMark(network);
  const { cidr, range } = addressesOf(network);
  const mtu = attributeAt(network, "mtu", "size");
  const properties: Record<string, unknown> = {
    owner: mark?.owner,
    name: find(network, "name")?.textContent ?? undefined,
    description: mark?.description ?? "",
    mode: modeOf(network),
    cidr: cidr && cidrText(cidr),
    addressing: mark?.addressing ?? addressingSeen(network),
    dhcp: { range, hosts: shownHosts(network, mark).map(({ mac, address, name }) => ({ mac, address, name })) },
    dns: { domain: attributeAt(network, "domain", "name") ?? "", hosts: dnsHosts(network) },
    mtu: mtu === undefined ? undefined : numberOf("mtu", mtu),
    bridge: attributeAt(network, "bridge", "name"),
    autostart,
  };
  for (const path of mark?.pending ?? []) hide(properties, path);
  return properties as Partial<NetworkInputs>;
}

/**
 * Leaves out what is defined and not in effect. What was taken away is not missed by a declaration without it, so the mode,
 * which every declaration has, is left out too: then the restart that was broken off is made.
 */
function hide(properties: Record<string, unknown>, path: string): void {
  const [name = "", field] = path.split(".");
  const whole = properties[name];
  const value = field === undefined ? whole : (whole as Record<string, unknown> | undefined)?.[field];
  // Without a declared name the host has chosen one.
  if (value === undefined || value === "" || path === "bridge") delete properties["mode"];
  if (field === undefined) delete properties[name];
  else properties[name] = Object.fromEntries(Object.entries(whole ?? {}).filter(([k]) => k !== field));
}

/** The fixed addresses that count as declared, the ones of the mark in its order. */
function shownHosts(network: Element, mark: Mark | undefined): readonly HostEntry[] {
  const { entries } = addressesOf(network);
  if (mark === undefined) return entries;
  const declared = mark.declared.flatMap((mac) => entries.find((e) => e.mac === mac) ?? []);
  const others = mark.addressing === "managed" ? [] : entries.filter((e) => !mark.declared.includes(e.mac));
  return [...declared, ...others];
}

const dnsHosts = (network: Element) =>
  childrenAt(network, "dns", "host").map((host) => ({
    address: attribute(host, "ip") ?? "",
    names: childrenOf(host, "hostname").map((e) => e.textContent ?? ""),
  }));

/** What a network without a mark does. */
function addressingSeen(network: Element): Addressing {
  const { range, entries } = addressesOf(network);
  if (range) return "dhcp";
  return entries.length > 0 ? "managed" : "none";
}

/** Elements of a network that properties speak of, with the children that they speak of. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  name: [],
  uuid: [],
  metadata: [],
  forward: ["nat"],
  bridge: [],
  mac: [],
  mtu: [],
  domain: [],
  dns: ["host"],
  ip: ["dhcp"],
};

/** What a network has that no property can say, as phrases. */
export function beyond(network: Element): readonly string[] {
  const ipv4 = ipv4Of(network);
  const phrases = elements(network).flatMap((part) => {
    const name = part.localName ?? "";
    const known = KNOWN[name];
    if (part.namespaceURI || known === undefined || (name === "ip" && part !== ipv4)) return [`<${part.nodeName}>`];
    const inside = elements(part).filter((e) => name !== "metadata" && !known.includes(e.localName ?? ""));
    return inside.map((e) => `<${name}> with <${e.localName}>`);
  });
  const dhcp = ipv4 && find(ipv4, "dhcp");
  const others = dhcp ? elements(dhcp).filter((e) => e.localName !== "host" && e !== find(dhcp, "range")) : [];
  const bare = served(network, "host").filter((host) => entryOf(host).length === 0);
  const more = [
    ...others.map((e) => `<dhcp> with <${e.localName}>`),
    ...bare.map(() => "<dhcp> with a <host> without a MAC"),
  ];
  return [...new Set([...phrases, ...more])];
}
