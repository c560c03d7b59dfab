import { isProviderError, ProviderError } from "../../core/errors.js";
import { type Cidr, cidrText, hasGuest, toNumber } from "../../kinds/address.js";
import { freeAddress } from "../free-address.js";
import type { LibvirtHost } from "./host.js";
import { addMissing, edit, editApart, hostElement, inTurn, isClash, isMissing } from "./network-entry.js";
import { addressesOf, type HostEntry, modeAttribute, type NetworkAddresses } from "./network-ip.js";
import { addressingOfXml, allottedEntries, readMark } from "./network-mark.js";
import { inactiveXml, refOf } from "./network-ref.js";
import { networks } from "./rpc/procedures/network.js";
import type { NetworkRef } from "./rpc/types.js";
import { attributeAt, type Element, find, parseXml, textAt } from "./xml.js";

export { addressingOfXml } from "./network-mark.js";

/** What a network gives to one interface of a guest. */
export interface Allotment {
  readonly address: string;
  readonly prefix: number;
  /** The way out; `undefined` where the host leads nowhere. */
  readonly gateway: string | undefined;
  readonly dns: readonly string[];
}

/** Who asks. */
export interface Claim {
  readonly mac: string;
  /** The address that is asked for; default: a free one. */
  readonly wanted?: string | undefined;
  /** Host name that the network's DNS shall know; it becomes a DNS label, and gets an ending where another MAC has it. */
  readonly name: string;
}

/** How often a lost race for an address or a name, or a lost answer, may be followed by another look. */
const LOOKS = 20;
/** After so many the cause is not another process, but a definition that differs from what runs. */
const UNITED_LOOKS = 15;

/**
 * Gives one MAC a fixed address of a managed network, as an entry of its DHCP server: the one it has already, the wanted
 * one, or the first free one behind a place that the MAC decides. Two calls, three where leases have to be known, or where
 * it has one already. The daemon itself refuses doubles, so that any number of processes may ask at the same time.
 *
 * Throws `invalid` (property `networks`) for an address that the network cannot give, `exists` for one that another MAC
 * has, `failed` when no address is free, and `not-found` when there is no such network.
 */
export const allot = (host: LibvirtHost, networkUuid: string, claim: Claim): Promise<Allotment> =>
  inTurn(host, networkUuid, async () => {
    const net = await refOf(host, networkUuid);
    return allotNow(host, net, claim, await definition(host, net));
  });

/** A network as an interface is plugged into it. */
export interface Socket {
  readonly name: string;
  readonly uuid: string;
  /** `undefined` where the network does not manage addresses. */
  readonly address: Allotment | undefined;
}

/** As `allot` where the network manages addresses; elsewhere only its name is read. Not a call more. */
export const plug = (host: LibvirtHost, net: NetworkRef, claim: Claim): Promise<Socket> =>
  inTurn(host, net.uuid, async () => {
    const network = await definition(host, net);
    const managed = addressingOfXml(network) === "managed";
    const address = managed ? await allotNow(host, net, claim, network) : undefined;
    return { name: textAt(network, "name") ?? net.name, uuid: net.uuid, address };
  });

const given = new WeakMap<LibvirtHost["session"], Map<string, string>>();

function givenBy({ session }: LibvirtHost): Map<string, string> {
  const known = given.get(session) ?? new Map<string, string>();
  given.set(session, known);
  return known;
}

/** Whether this process has just given a MAC this address itself. True once: who asks again wants to know what is there. */
export function justGiven(host: LibvirtHost, networkUuid: string, mac: string, address: string): boolean {
  const key = `${networkUuid} ${mac}`;
  const isIt = givenBy(host).get(key) === address;
  givenBy(host).delete(key);
  return isIt;
}

async function allotNow(host: LibvirtHost, net: NetworkRef, claim: Claim, network: Element): Promise<Allotment> {
  for (let look = 1; ; look++) {
    const room = await readRoom(host, net, look === 1 ? network : await definition(host, net));
    const entry = entryFor(room, claim);
    const put = look > UNITED_LOOKS ? editApart : edit;
    try {
      const old = room.addresses.entries.find((e) => e.mac === claim.mac);
      if (old !== entry) {
        if (old) await put(host, net, { command: "delete", section: "dhcpHost", element: hostElement(old) });
        await put(host, net, { command: "addLast", section: "dhcpHost", element: hostElement(entry) });
      } else await addMissing(host, net, entry);
      givenBy(host).set(`${net.uuid} ${claim.mac}`, entry.address);
      return room.allotment(entry.address);
    } catch (error) {
      if (look >= LOOKS || !(isClash(error) || isMissing(error) || isProviderError(error, "dropped"))) throw error;
    }
  }
}

/** Takes back what was allotted to a MAC. Nothing happens when there is nothing, or no such network. At most two calls. */
export const release = (host: LibvirtHost, networkUuid: string, mac: string): Promise<void> =>
  inTurn(host, networkUuid, () => releaseNow(host, networkUuid, mac));

async function releaseNow(host: LibvirtHost, networkUuid: string, mac: string): Promise<void> {
  givenBy(host).delete(`${networkUuid} ${mac}`);
  for (let look = 1; ; look++) {
    try {
      const net = await refOf(host, networkUuid);
      const network = await definition(host, net);
      const entry = allottedEntries(network).find((e) => e.mac === mac);
      const put = look > UNITED_LOOKS ? editApart : edit;
      if (entry) await put(host, net, { command: "delete", section: "dhcpHost", element: hostElement(entry) });
      return;
    } catch (error) {
      if (isProviderError(error, "not-found")) return;
      if (look >= LOOKS || !(isMissing(error) || isProviderError(error, "dropped"))) throw error;
    }
  }
}

/** The address that a network's inactive definition gives to a MAC, declared or allotted. */
export const allotted = (network: Element, mac: string): string | undefined =>
  addressesOf(network).entries.find((e) => e.mac === mac)?.address;

interface Room {
  readonly cidr: Cidr;
  readonly addresses: NetworkAddresses;
  readonly declared: ReadonlySet<string>;
  /** Addresses leased at the moment, with the MAC that has each. */
  readonly leases: ReadonlyMap<string, string>;
  allotment(address: string): Allotment;
}

async function readRoom(host: LibvirtHost, net: NetworkRef, network: Element): Promise<Room> {
  const addresses = addressesOf(network);
  const { cidr, hostAddress } = addresses;
  if (cidr === undefined || addressingOfXml(network) !== "managed")
    throw new ProviderError("invalid", "the network does not manage addresses", {
      where: { property: "networks" },
      hint: 'Leave the address out, or set addressing to "managed" on a Network with a cidr.',
    });
  const served = attributeAt(network, "dns", "enable") !== "no" && hostAddress !== undefined;
  return {
    cidr,
    addresses,
    declared: new Set(readMark(network)?.declared),
    leases: find(network, "ip/dhcp") ? await leasesOf(host, net) : new Map(),
    allotment: (address) => ({
      address,
      prefix: cidr.prefix,
      gateway: modeAttribute(network) === undefined ? undefined : hostAddress,
      dns: served ? [hostAddress] : [],
    }),
  };
}

/** The entry that the claim shall have: the present one itself when it fits. */
function entryFor(room: Room, { mac, wanted, name }: Claim): HostEntry {
  const { addresses, cidr, leases, declared } = room;
  const present = addresses.entries.find((e) => e.mac === mac);
  if (present && hasGuest(cidr, present.address) && (wanted ?? present.address) === present.address) return present;
  const others = addresses.entries.filter((e) => e.mac !== mac);
  if (wanted !== undefined) refuse(room, wanted, others);
  if (present && declared.has(mac))
    throw new ProviderError("invalid", `the network declares ${present.address} for ${mac}`, {
      where: { property: "networks" },
      hint: "Leave the address of the interface out, or change dhcp.hosts of the Network.",
    });
  const leased = [...leases].filter(([, owner]) => owner !== mac).map(([address]) => address);
  const taken = new Set([...others.map((e) => e.address), ...leased].map(toNumber));
  const address = wanted ?? freeAddress({ ...addresses, cidr, taken }, mac);
  if (address === undefined)
    throw new ProviderError("failed", `no address of ${cidrText(cidr)} is free`, {
      where: { property: "networks" },
      hint: "Give the Network a larger cidr, or remove machines from it.",
    });
  return { mac, address, name: freeName(name, mac, new Set(others.map((e) => e.name))) };
}

function refuse({ cidr, addresses }: Room, wanted: string, others: readonly HostEntry[]): void {
  const where = { property: "networks" };
  if (!hasGuest(cidr, wanted) || wanted === addresses.hostAddress)
    throw new ProviderError("invalid", `${wanted} is not an address for guests of ${cidrText(cidr)}`, {
      where,
      hint: "Choose one inside the network that is not the host's own.",
    });
  const owner = others.find((e) => e.address === wanted);
  if (owner === undefined) return;
  const who = owner.name === undefined ? owner.mac : `"${owner.name}" (${owner.mac})`;
  throw new ProviderError("exists", `${wanted} belongs to ${who}`, { where, hint: "Choose another address." });
}

/** A DNS label that no other entry has. dnsmasq's file of hosts separates its fields by commas. */
function freeName(name: string, mac: string, taken: ReadonlySet<string | undefined>): string | undefined {
  const label = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 50)
    .replace(/^-+|-+$/g, "");
  if (label === "") return undefined;
  const own = `${label}-${mac.slice(9).replaceAll(":", "")}`;
  return [label, own].find((n) => !taken.has(n));
}

const definition = async (host: LibvirtHost, net: NetworkRef): Promise<Element> =>
  parseXml(await inactiveXml(host, net), "the network");

async function leasesOf(host: LibvirtHost, net: NetworkRef): Promise<ReadonlyMap<string, string>> {
  try {
    const leases = await host.session.call(networks.leases, { net, mac: undefined, flags: 0 });
    return new Map(leases.flatMap((l) => (l.mac === undefined ? [] : [[l.address, l.mac]])));
  } catch (error) {
    if (isProviderError(error, "unsupported")) return new Map();
    throw error;
  }
}
