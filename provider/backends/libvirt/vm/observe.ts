import type { Recorded } from "../../../core/driver.js";
import { isProviderError } from "../../../core/errors.js";
import { type Addresses, chosen } from "../../addresses.js";
import type { LibvirtHost } from "../host.js";
import { isUuid } from "../identity.js";
import type { Stats } from "../inventory.js";
import { DomainState, DomainXml } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import { type DomainRef, domainRef } from "../rpc/types.js";
import { attribute, attributeAt, childrenAt, type Element } from "../xml.js";
import { addressesOf, unserved } from "./addresses.js";
import { settled } from "./balloon.js";
import { beyond } from "./beyond.js";
import { describeDomain } from "./located.js";
import { type Notes, readNotes } from "./notes.js";
import { macOf, nicsOf } from "./ours.js";
import { isActive, readProperties, type Seen, stateOf } from "./read.js";
import type { Machine, MachineObserved, MachineOutputs } from "./types.js";

/** A domain as the host has it now. `undefined` only when the daemon says that there is no such domain. */
export async function observe(
  host: LibvirtHost,
  id: string,
  recorded?: Recorded<Machine>,
): Promise<MachineObserved | undefined> {
  const found = host.inventory.fresh ? await inBulk(host, id) : await alone(host, id);
  if (found === undefined) return undefined;
  const { dom } = found;
  const notes = readNotes(found.config);
  const seen: Seen = {
    ...found,
    networks: await networksFor(host, found.config, notes, recorded),
    unserved: await unserved(host, notes),
    stats: isActive(found.stats) ? await settled(host, dom, found.config, found.stats) : found.stats,
  };
  const properties = readProperties(seen, recorded);
  const macs = Object.fromEntries(
    (properties.networks ?? []).flatMap((n) => (n.mac === undefined ? [] : [[n.name, n.mac]])),
  );
  const names = new Map(Object.entries(macs).map(([name, mac]) => [mac, name]));
  const active = isActive(seen.stats);
  const isSame = active && host.inventory.fresh && recorded?.outputs.instance === dom.id;
  const asked = isSame ? undefined : seen.live;
  const known = await addressesOf(host, { dom, active, config: seen.config, live: asked, notes, names });
  const addresses = isSame ? carried(known, recorded?.outputs.addresses) : known;
  const outputs: MachineOutputs = {
    state: stateOf(seen.stats),
    addresses,
    macs,
    ipAddress: chosen(addresses, recorded?.inputs.waitForAddress),
    instance: active && dom.id >= 0 ? dom.id : undefined,
    console: seen.live === undefined ? (active ? recorded?.outputs.console : undefined) : consoleOf(seen.live),
    host: host.uri.identity,
  };
  return { id, properties, outputs, beyond: beyond(seen.config, notes, recorded?.inputs) };
}

/** Shared lists, and only for a machine whose notes do not tell yet what was meant: one that is being adopted. */
async function networksFor(
  host: LibvirtHost,
  config: Element,
  notes: Notes | undefined,
  recorded: Recorded<Machine> | undefined,
): Promise<ReadonlyMap<string, string> | undefined> {
  const isNoted = (nic: Element) => notes?.nics.some(({ mac }) => mac === macOf(nic)) ?? false;
  const asks = recorded?.inputs.networks?.some(({ network }) => network !== undefined && isUuid(network)) ?? false;
  if (!asks || nicsOf(config).every(isNoted)) return undefined;
  return new Map([...(await host.inventory.networks()).values()].map(({ ref }) => [ref.name, ref.uuid]));
}

type Found = Seen & { readonly dom: DomainRef };

/**
 * From the lists and statistics of the whole host, and one description; two of a machine that runs, because what it runs
 * may have been changed alone: a medium, a cable, a description. What the test driver runs is always what is configured.
 */
async function inBulk(host: LibvirtHost, id: string): Promise<Found | undefined> {
  const entry = (await host.inventory.domains()).get(id);
  if (entry === undefined) return undefined;
  if (entry.stats === undefined) return alone(host, id);
  const { ref: dom, stats, autostart } = entry;
  const [config, live] = await Promise.all([
    describe(host, dom, DomainXml.inactive),
    isApart(host, stats) ? describe(host, dom, 0) : undefined,
  ]);
  return config && { dom, config, live, stats, autostart };
}

/**
 * Whether what runs is looked at beside what is configured. In the test driver nothing runs: what it shows as running is
 * an older definition after a change that broke off, and only at the next start the one that is configured.
 */
const isApart = (host: LibvirtHost, stats: Stats): boolean => isActive(stats) && host.uri.hypervisor !== "test";

/** From calls about this domain alone: four. */
async function alone(host: LibvirtHost, id: string): Promise<Found | undefined> {
  const dom = domainRef("", id);
  const config = await describe(host, dom, DomainXml.inactive);
  if (config === undefined) return undefined;
  const [autostart, stats] = await Promise.all([host.session.call(domains.autostart, { dom }), statsOf(host, dom)]);
  const running = isActive(stats) ? await describe(host, dom, 0) : undefined;
  const number = Number(attribute(running, "id") ?? -1);
  const live = isApart(host, stats) ? running : undefined;
  return { dom: { ...dom, id: number }, config, live, stats, autostart };
}

async function statsOf(host: LibvirtHost, dom: DomainRef): Promise<Stats> {
  const stats = (await host.inventory.stats([dom])).get(dom.uuid);
  if (stats !== undefined) return stats;
  const { state } = await host.session.call(domains.state, { dom, flags: 0 });
  return { "state.state": state ?? DomainState.none };
}

async function describe(host: LibvirtHost, dom: DomainRef, flags: number): Promise<Element | undefined> {
  try {
    return await describeDomain(host, dom, flags);
  } catch (error) {
    if (isProviderError(error, "not-found")) return undefined;
    throw error;
  }
}

/** Addresses that only the agent knows are not asked for again by a refresh while the same instance runs. */
const carried = (known: Addresses, before: Addresses = {}): Addresses =>
  Object.fromEntries(
    Object.entries(known).map(([name, list]) => [name, list.length === 0 ? (before[name] ?? []) : list]),
  );

const consoleOf = (live: Element): string | undefined => {
  const pty = childrenAt(live, "devices", "console").find((c) => attribute(c, "type") === "pty");
  return pty && (attribute(pty, "tty") ?? attributeAt(pty, "source", "path"));
};
