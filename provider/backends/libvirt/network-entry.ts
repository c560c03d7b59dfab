import { isProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import { addressesOf, type HostEntry } from "./network-ip.js";
import { ErrorCode } from "./rpc/codes.js";
import { libvirtCode } from "./rpc/errors.js";
import { Affect, NetworkSection, NetworkUpdate } from "./rpc/flags.js";
import { networks } from "./rpc/procedures/network.js";
import type { NetworkRef } from "./rpc/types.js";
import { type Attributes, type Element, parseXml, setAttributes, type Tree, toText, write } from "./xml.js";

/** One entry that is added to, changed in or deleted from a network while it may run. */
export interface Edit {
  /** `modify` finds a host by its MAC; libvirt has it for no other section used here. */
  readonly command: "addFirst" | "addLast" | "delete" | "modify";
  readonly section: "dhcpHost" | "dhcpRange" | "dnsHost";
  readonly element: Tree | Element;
}

export const hostAttributes = ({ mac, address, name }: HostEntry): Attributes => ({ mac, name, ip: address });
export const hostElement = (entry: HostEntry): Tree => ["host", hostAttributes(entry)];

/** An element with other attributes and all that it has inside: the time of a lease, which no property says. */
export function renewed(present: Element, attributes: Attributes): Element {
  const copy = present.cloneNode(true) as Element;
  setAttributes(copy, attributes);
  return copy;
}

/**
 * Carries out one edit, live and in the definition, or in the definition of a network that does not run. The daemon
 * does it in one step: it refuses an added host when its MAC, its address or its name has an entry, and a deletion when
 * nothing matches (both are code 55). Each costs a fraction of a second, also when it is refused: libvirt renews all
 * firewall rules of a running network for it (measured on 9.0).
 */
export async function edit(host: LibvirtHost, net: NetworkRef, change: Edit): Promise<void> {
  host.inventory.forget();
  try {
    await send(host, net, change, Affect.live | Affect.config);
  } catch (error) {
    if (!isProviderError(error) || !/not running/i.test(error.fact)) throw error;
    await send(host, net, change, Affect.config);
  }
}

/**
 * Adds a host to what runs, where the definition has it already: a daemon that died in the middle of an edit had written
 * one and not the other. One call where nothing is missing.
 */
export async function addMissing(host: LibvirtHost, net: NetworkRef, entry: HostEntry): Promise<void> {
  const running = parseXml(await host.session.call(networks.xml, { net, flags: 0 }), "the network");
  if (addressesOf(running).entries.some((e) => e.mac === entry.mac && e.address === entry.address)) return;
  host.inventory.forget();
  await send(host, net, { command: "addLast", section: "dhcpHost", element: hostElement(entry) }, Affect.live);
}

/** As `edit`, where what runs and what is defined may differ: each is brought to the wanted state by itself. */
export async function editApart(host: LibvirtHost, net: NetworkRef, change: Edit): Promise<void> {
  try {
    await edit(host, net, change);
  } catch (error) {
    if (libvirtCode(error) !== ErrorCode.operationInvalid) throw error;
    const each = [await attempt(host, net, change, Affect.config), await attempt(host, net, change, Affect.live)];
    if (each.every((done) => !done)) throw error;
  }
}

/** Whether the daemon refused because another entry has the MAC, the address or the name. */
export const isClash = (error: unknown): boolean =>
  libvirtCode(error) === ErrorCode.operationInvalid && isProviderError(error) && /existing|already/i.test(error.fact);

/** Whether there was nothing to delete. */
export const isMissing = (error: unknown): boolean =>
  libvirtCode(error) === ErrorCode.operationInvalid && isProviderError(error) && /locate/i.test(error.fact);

async function attempt(host: LibvirtHost, net: NetworkRef, change: Edit, flags: number): Promise<boolean> {
  try {
    await send(host, net, change, flags);
    return true;
  } catch (error) {
    if (libvirtCode(error) === ErrorCode.operationInvalid) return false;
    throw error;
  }
}

/** The order of command and section on the wire is the one of libvirt 7.2 and newer; older daemons swap them. */
const send = (host: LibvirtHost, net: NetworkRef, { command, section, element }: Edit, flags: number) =>
  host.session.call(networks.update, {
    net,
    command: NetworkUpdate[command],
    section: NetworkSection[section],
    parentIndex: -1,
    xml: isTree(element) ? write(element) : toText(element),
    flags,
  });

const isTree = (element: Tree | Element): element is Tree => Array.isArray(element);

const turns = new WeakMap<LibvirtHost["session"], Map<string, Promise<unknown>>>();

/** One after the other for each network of a host: those of one process never clash with each other. */
export async function inTurn<T>(host: LibvirtHost, uuid: string, act: () => Promise<T>): Promise<T> {
  const queues = turns.get(host.session) ?? new Map<string, Promise<unknown>>();
  turns.set(host.session, queues);
  const turn = (queues.get(uuid) ?? Promise.resolve()).then(act, act);
  queues.set(uuid, turn);
  try {
    return await turn;
  } finally {
    if (queues.get(uuid) === turn) queues.delete(uuid);
  }
}
