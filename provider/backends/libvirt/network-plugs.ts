import { isProviderError, ProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import { Affect, DomainList, DomainXml } from "./rpc/flags.js";
import { domains } from "./rpc/procedures/domain.js";
import { domainChange } from "./rpc/procedures/domain-change.js";
import type { DomainRef } from "./rpc/types.js";
import {
  append,
  attribute,
  attributeAt,
  childrenAt,
  type Element,
  find,
  parseXml,
  removeElement,
  toText,
} from "./xml.js";

/** A machine with interfaces on a network. */
export interface Plugged {
  readonly dom: DomainRef;
  /** The interfaces, as the machine has them now: live when it runs, else as defined. */
  readonly interfaces: readonly Element[];
}

/**
 * The machines that use a network, by its name. One call, and one for each machine, two for one that runs and has an
 * interface on a bridge. `running` leaves stopped ones out.
 */
export async function usersOf(host: LibvirtHost, network: string, which: "all" | "running"): Promise<Plugged[]> {
  const doms = await host.session.call(domains.list, { flags: which === "running" ? DomainList.active : 0 });
  const found = await Promise.all(doms.map((dom) => plugged(host, dom, network)));
  return found.filter((p) => p.interfaces.length > 0);
}

async function plugged(host: LibvirtHost, dom: DomainRef, network: string): Promise<Plugged> {
  try {
    const live = await interfacesOf(host, dom, 0);
    const isOn = (nic: Element) => attribute(find(nic, "source"), "network") === network;
    const half = live.filter((nic) => attribute(nic, "type") === "bridge" && !isOn(nic));
    const defined = half.length === 0 || dom.id < 0 ? [] : await interfacesOf(host, dom, DomainXml.inactive);
    const begun = half.flatMap((nic) => {
      const meant = defined.find(
        (d) => isOn(d) && attributeAt(d, "mac", "address") === attributeAt(nic, "mac", "address"),
      );
      return meant === undefined ? [] : [turnedBack(nic, meant)];
    });
    return { dom, interfaces: [...live.filter(isOn), ...begun] };
  } catch (error) {
    if (isProviderError(error, "not-found")) return { dom, interfaces: [] };
    throw error;
  }
}

async function interfacesOf(host: LibvirtHost, dom: DomainRef, flags: number): Promise<readonly Element[]> {
  const root = parseXml(await host.session.call(domains.xml, { dom, flags }), `the machine ${dom.name}`);
  return childrenAt(root, "devices", "interface");
}

/** An interface that was turned into one of the bridge and not back, because that was broken off: as it is meant to be. */
function turnedBack(live: Element, meant: Element): Element {
  const copy = live.cloneNode(true) as Element;
  for (const name of ["source", "link"]) {
    removeElement(find(copy, name));
    const there = find(meant, name);
    if (there !== undefined) copy.appendChild(there.cloneNode(true));
  }
  return copy;
}

/**
 * Plugs interfaces into the bridge of a network that was stopped and started: libvirt deletes the bridge, and the guests'
 * taps stay behind unconnected. The machine's configuration is not touched. Each interface is turned, live, into one of
 * the bridge itself and back into one of the network, which moves the tap (an update with the same source does nothing;
 * measured on 9.0). Its link is down in between, so that the guest asks for its address again.
 */
export async function plugAgain(
  host: LibvirtHost,
  users: readonly Plugged[],
  bridge: string | undefined,
): Promise<void> {
  if (bridge === undefined) return;
  const left: string[] = [];
  let cause: unknown;
  for (const { dom, interfaces } of users) {
    try {
      for (const nic of interfaces) {
        await update(host, dom, overBridge(nic, bridge));
        await update(host, dom, overNetwork(nic));
      }
    } catch (error) {
      if (await stopped(host, dom)) continue;
      left.push(dom.name);
      cause ??= error;
    }
  }
  if (left.length === 0) return;
  throw new ProviderError("failed", `the network runs again, and ${names(left)} could not be plugged in again`, {
    hint: "Stop and start these machines.",
    cause,
  });
}

const update = (host: LibvirtHost, dom: DomainRef, nic: Element) =>
  host.session.call(domainChange.updateDevice, { dom, xml: toText(nic), flags: Affect.live });

function overBridge(nic: Element, bridge: string): Element {
  const copy = nic.cloneNode(true) as Element;
  copy.setAttribute("type", "bridge");
  removeElement(find(copy, "source"));
  removeElement(find(copy, "link"));
  append(copy, ["source", { bridge }]);
  append(copy, ["link", { state: "down" }]);
  return copy;
}

/** The live description of an interface on a bridged network has the type of what it came to. */
function overNetwork(nic: Element): Element {
  const copy = nic.cloneNode(true) as Element;
  copy.setAttribute("type", "network");
  const source = find(copy, "source");
  for (const name of ["portid", "bridge"]) source?.removeAttribute(name);
  return copy;
}

/** Whether the machine has stopped meanwhile: then there is nothing to plug. */
async function stopped(host: LibvirtHost, dom: DomainRef): Promise<boolean> {
  try {
    return !(await host.session.call(domains.isActive, { dom }));
  } catch (error) {
    return isProviderError(error, "not-found");
  }
}

/** Names for a sentence: at most five. */
export const names = (all: readonly string[]): string => {
  const shown = all.slice(0, 5).map((n) => `"${n}"`);
  return all.length > 5 ? `${shown.join(", ")} and ${all.length - 5} more` : shown.join(", ");
};
