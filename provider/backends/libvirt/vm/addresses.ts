import { isProviderError } from "../../../core/errors.js";
import { isLocalOnly } from "../../../kinds/address.js";
import type { Addresses } from "../../addresses.js";
import { justGiven } from "../allotment.js";
import type { LibvirtHost } from "../host.js";
import { addressesOf as entriesIn } from "../network-ip.js";
import { definitionFlags, unlessGone } from "../network-ref.js";
import { AddressSource } from "../rpc/flags.js";
import { domainGuest } from "../rpc/procedures/domain-guest.js";
import type { DomainRef, NetworkRef } from "../rpc/types.js";
import { attribute, attributeAt, type Element, parseXml } from "../xml.js";
import type { NicNote, Notes } from "./notes.js";
import { nicAt } from "./ours.js";
import { agentConnected } from "./power.js";

/** What is asked about addresses: the machine, and as much as is known of it. */
export interface Asked {
  readonly dom: DomainRef;
  readonly active: boolean;
  readonly config: Element;
  readonly live: Element | undefined;
  readonly notes: Notes | undefined;
  /** Names of the interfaces by MAC. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * Addresses by interface name: what the network allotted, else the network's leases, else what the guest agent says
 * when it is connected. Never waits for the guest.
 */
export async function addressesOf(host: LibvirtHost, asked: Asked): Promise<Addresses> {
  const out: Record<string, readonly string[]> = {};
  for (const [mac, name] of asked.names) out[name] = await ofNic(host, asked, mac);
  const empty = Object.values(out).some((list) => list.length === 0);
  if (!empty || !asked.active || asked.live === undefined || !agentConnected(asked.live)) return out;
  for (const { mac, addresses } of await ofAgent(host, asked.dom)) {
    const name = asked.names.get(mac);
    if (name !== undefined && out[name]?.length === 0) out[name] = addresses;
  }
  return out;
}

async function ofNic(host: LibvirtHost, { active, config, notes }: Asked, mac: string): Promise<readonly string[]> {
  const note = notes?.nics.find((n) => n.mac === mac);
  if (note?.allotted !== undefined) return [note.allotted.address];
  const element = nicAt(config, mac);
  const uuid = note?.uuid;
  if (!active || element === undefined || attribute(element, "type") !== "network") return [];
  return ofLeases(host, note, uuid ?? (await uuidOf(host, attributeAt(element, "source", "network") ?? "")), mac);
}

async function uuidOf(host: LibvirtHost, name: string): Promise<string | undefined> {
  return [...(await host.inventory.networks()).values()].find((n) => n.ref.name === name)?.ref.uuid;
}

async function ofLeases(
  host: LibvirtHost,
  note: NicNote | undefined,
  uuid: string | undefined,
  mac: string,
): Promise<readonly string[]> {
  if (uuid === undefined) return [];
  const leases = await leasesOf(host, { name: note?.network ?? "", uuid });
  return [...new Set(leases.filter((l) => l.mac === mac).map((l) => l.address))];
}

/**
 * MACs of interfaces that were given an address which their network does not keep for them any more: somebody took the
 * entry out, or made the network anew. One description for each network, shared by all machines; none for what this
 * process has just given.
 */
export async function unserved(host: LibvirtHost, notes: Notes | undefined): Promise<ReadonlySet<string>> {
  const macs = new Set<string>();
  for (const { mac, network, uuid, allotted } of notes?.nics ?? []) {
    if (uuid === undefined || allotted === undefined || justGiven(host, uuid, mac, allotted.address)) continue;
    const kept = await keptBy(host, { name: network ?? "", uuid });
    if (kept !== undefined && kept.get(mac) !== allotted.address) macs.add(mac);
  }
  return macs;
}

/** Addresses by MAC; `undefined` for a network that is gone. */
const keptBy = (host: LibvirtHost, net: NetworkRef): Promise<ReadonlyMap<string, string> | undefined> =>
  host.inventory.share(`addresses of ${net.uuid}`, async () => {
    const xml = await unlessGone(host.inventory.networkXml(net, definitionFlags(host)));
    if (xml === undefined) return undefined;
    const { entries } = entriesIn(parseXml(xml, `the network ${net.name}`));
    return new Map(entries.map(({ mac, address }) => [mac, address]));
  });

export interface Lease {
  readonly mac: string;
  readonly address: string;
  /** Seconds since 1970. */
  readonly expires: number;
}

/** Leases of a network, the newest first: the daemon keeps old ones until they end. */
export async function leasesOf(host: LibvirtHost, net: NetworkRef): Promise<readonly Lease[]> {
  try {
    const leases = await host.inventory.leases(net);
    return leases
      .map(({ mac, address, expires }) => ({ mac: mac?.toLowerCase() ?? "", address, expires: Number(expires) }))
      .sort((a, b) => b.expires - a.expires);
  } catch (error) {
    // A network that is not active, or without DHCP, has no leases.
    if (isProviderError(error, "failed", "unsupported", "not-found", "invalid")) return [];
    throw error;
  }
}

export async function ofAgent(host: LibvirtHost, dom: DomainRef) {
  try {
    const answers = await host.session.call(
      domainGuest.interfaceAddresses,
      { dom, source: AddressSource.agent, flags: 0 },
      { timeoutMs: 5000 },
    );
    return answers.map(({ mac, addresses }) => ({
      mac: mac?.toLowerCase() ?? "",
      addresses: addresses.map((a) => a.address).filter((a) => !isLocalOnly(a)),
    }));
  } catch (error) {
    if (isProviderError(error, "failed", "timeout", "unsupported")) return [];
    throw error;
  }
}
