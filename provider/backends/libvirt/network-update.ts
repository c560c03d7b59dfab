import type { Step, Update } from "../../core/driver.js";
import { isProviderError, ProviderError } from "../../core/errors.js";
import type { Network } from "../../kinds/network.js";
import type { LibvirtHost } from "./host.js";
import { type Edit, editApart, hostAttributes, hostElement, isMissing, renewed } from "./network-entry.js";
import { addressesOf, type HostEntry, hostElements, type Range, rangesOf, sameEntry } from "./network-ip.js";
import { readMark, writeMark } from "./network-mark.js";
import { names, type Plugged, plugAgain, usersOf } from "./network-plugs.js";
import { type NetworkInputs, propertiesOf } from "./network-read.js";
import { inactiveXml, refOf } from "./network-ref.js";
import { define, redefine, setAutostart, start, stop } from "./network-write.js";
import { dnsElement, hostsFor, type Part, partsOf, settle } from "./network-xml.js";
import type { NetworkRef } from "./rpc/types.js";
import { attributeAt, type Element, parseXml } from "./xml.js";

/** Parts that only a start of the network brings into effect. */
const STARTED: readonly Part[] = ["mode", "cidr", "mtu", "bridge", "dns.domain"];

/** Brings a network to what is wanted: live, or by a restart of it. */
export async function updateNetwork(
  host: LibvirtHost,
  { id, observed, wanted, changes }: Update<typeof Network>,
  step: Step,
): Promise<void> {
  const net = await refOf(host, id);
  const parts = partsOf(changes);
  const { active } = observed.outputs;
  const restart = active && wanted.active && changes.some((c) => c.effect === "restart");
  host.inventory.forget();
  const stays = active && wanted.active;
  if (active && !wanted.active) await stop(host, net);
  if (stays && !restart) await changeLive(host, net, wanted, parts);
  const pending = restart ? STARTED.filter((p) => parts.has(p)) : [];
  const before = await redefine(host, net, (network) => settle(network, wanted, parts, pending));
  if (restart) await restartNetwork(host, net, { name: wanted.name, before }, step);
  else if (!active && wanted.active) {
    step.report("starting the network, which was stopped");
    await start(host, net);
    // Machines that run since before it was stopped have lost its bridge.
    await replug(host, net, await runningOn(host, wanted.name));
  }
  if (parts.has("autostart")) await setAutostart(host, net, wanted.autostart);
}

/** What libvirt changes while the network runs; the definition is changed in the same step. */
async function changeLive(
  host: LibvirtHost,
  net: NetworkRef,
  wanted: NetworkInputs,
  parts: ReadonlySet<Part>,
): Promise<void> {
  if (!["dhcp.range", "dhcp.hosts", "dns.hosts", "addressing"].some((p) => parts.has(p as Part))) return;
  const network = parseXml(await inactiveXml(host, net), "the network");
  const { range, cidr } = addressesOf(network);
  if (cidr === undefined) return;
  const edits: Edit[] = [];
  const was = propertiesOf(network, true);
  if (parts.has("dhcp.range") && (range?.start !== wanted.dhcp?.range?.start || range?.end !== wanted.dhcp?.range?.end))
    edits.push(...rangeEdits(network, wanted.dhcp?.range));
  if (parts.has("dhcp.hosts") || parts.has("addressing"))
    edits.push(...hostEdits(network, hostsFor(network, wanted, parts)));
  if (parts.has("dns.hosts")) edits.push(...dnsEdits(was.dns?.hosts ?? [], wanted.dns?.hosts ?? []));
  // Deletions first: an address or a name may move from one entry to another.
  for (const change of edits.filter((e) => e.command === "delete")) await unlessMissing(editApart(host, net, change));
  for (const change of edits.filter((e) => e.command !== "delete")) await editApart(host, net, change);
}

const unlessMissing = (deletion: Promise<void>): Promise<void> =>
  deletion.catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });

/** libvirt cannot modify a range. The first one is the declared one; the others stay as long as one is wanted. */
function rangeEdits(network: Element, wanted: Range | undefined): Edit[] {
  const section = "dhcpRange";
  const present = rangesOf(network);
  const gone = wanted === undefined ? present : present.slice(0, 1);
  const edits = gone.map((element): Edit => ({ command: "delete", section, element }));
  if (wanted === undefined) return edits;
  const attributes = { start: wanted.start, end: wanted.end };
  const element = present[0] ? renewed(present[0], attributes) : (["range", attributes] as const);
  return [...edits, { command: "addFirst", section, element }];
}

/** An entry is changed in place where its new address and name are free: the DHCP server of a network without any is restarted. */
function hostEdits(network: Element, wanted: readonly HostEntry[]): Edit[] {
  const was = addressesOf(network).entries;
  const present = hostElements(network);
  const missing = (a: readonly HostEntry[], b: readonly HostEntry[]) =>
    a.filter((e) => !b.some((o) => sameEntry(e, o)));
  const free = (e: HostEntry) =>
    was.every((o) => o.mac === e.mac || (o.address !== e.address && (e.name === undefined || o.name !== e.name)));
  const elementOf = (e: HostEntry) => {
    const element = present.get(e.mac);
    return element === undefined ? hostElement(e) : renewed(element, hostAttributes(e));
  };
  const [gone, come] = [missing(was, wanted), missing(wanted, was)];
  const changed = come.filter((e) => free(e) && gone.some((o) => o.mac === e.mac));
  const rest = (list: readonly HostEntry[]) => list.filter((e) => !changed.some((c) => c.mac === e.mac));
  const each = (command: Edit["command"], list: readonly HostEntry[]) =>
    list.map((e): Edit => ({ command, section: "dhcpHost", element: elementOf(e) }));
  return [...each("modify", changed), ...each("delete", rest(gone)), ...each("addLast", rest(come))];
}

type DnsHost = { readonly address: string; readonly names: readonly string[] };

/** libvirt cannot modify a DNS host, only add and delete; it refuses an address that is there already. */
function dnsEdits(was: readonly DnsHost[], wanted: readonly DnsHost[]): Edit[] {
  const text = (h: DnsHost) => JSON.stringify([h.address, h.names]);
  const missing = (a: readonly DnsHost[], b: readonly DnsHost[]) =>
    a.filter((h) => !b.some((o) => text(o) === text(h)));
  const each = (command: Edit["command"], list: readonly DnsHost[]) =>
    list.map((h): Edit => ({ command, section: "dnsHost", element: dnsElement(h) }));
  return [...each("delete", missing(was, wanted)), ...each("addLast", missing(wanted, was))];
}

interface Restart {
  readonly name: string;
  /** The definition that ran until now, to go back to. */
  readonly before: string;
}

async function restartNetwork(
  host: LibvirtHost,
  net: NetworkRef,
  { name, before }: Restart,
  step: Step,
): Promise<void> {
  const users = await runningOn(host, name);
  const who = users.length === 0 ? "" : `; ${names(users.map((u) => u.dom.name))} will be plugged in again`;
  step.report(`restarting the network${who}`);
  await stop(host, net);
  try {
    await start(host, net);
  } catch (error) {
    if (isProviderError(error, "dropped", "unreachable", "timeout")) throw error;
    throw await takenBack(host, net, { before, users }, error);
  }
  await replug(host, net, users);
  await redefine(host, net, (network) => {
    const mark = readMark(network);
    if (mark) writeMark(network, { ...mark, pending: [] });
  });
}

/** Only QEMU's machines have taps that can lose their bridge. */
const runningOn = async (host: LibvirtHost, name: string): Promise<readonly Plugged[]> =>
  host.uri.hypervisor === "qemu" ? usersOf(host, name, "running") : [];

/** A network that cannot start as it is wanted runs again as it was; tells so. */
async function takenBack(
  host: LibvirtHost,
  net: NetworkRef,
  { before, users }: { readonly before: string; readonly users: readonly Plugged[] },
  error: unknown,
): Promise<unknown> {
  try {
    await define(host, before, net.uuid);
    await start(host, net);
    await replug(host, net, users);
  } catch {
    return error;
  }
  if (!isProviderError(error)) return error;
  const { code, fact, hint, where } = error;
  return new ProviderError(code, `${fact}; the network runs as before`, { hint, where, cause: error });
}

async function replug(host: LibvirtHost, net: NetworkRef, users: readonly Plugged[]): Promise<void> {
  if (users.length === 0) return;
  const network = parseXml(await inactiveXml(host, net), "the network");
  await plugAgain(host, users, attributeAt(network, "bridge", "name"));
}
