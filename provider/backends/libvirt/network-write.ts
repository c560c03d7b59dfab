import { isProviderError, ProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import { editApart, hostElement, isClash, isMissing } from "./network-entry.js";
import { addressesOf } from "./network-ip.js";
import { allottedEntries } from "./network-mark.js";
import { byUuid, inactiveXml, unlessGone } from "./network-ref.js";
import { ErrorCode } from "./rpc/codes.js";
import { isUnknownProcedure, libvirtCode } from "./rpc/errors.js";
import { Define } from "./rpc/flags.js";
import { networks } from "./rpc/procedures/network.js";
import type { NetworkRef } from "./rpc/types.js";
import { type Element, elements, parseXml, toText } from "./xml.js";

/** Defines it, checked against libvirt's schema where the daemon can do that (libvirt 7.7). */
export async function define(host: LibvirtHost, xml: string, uuid: string): Promise<void> {
  await sure(
    async () => {
      try {
        await host.session.call(networks.defineFlags, { xml, flags: Define.validate });
      } catch (error) {
        if (!isUnknownProcedure(error)) throw error;
        await host.session.call(networks.define, { xml });
      }
    },
    async () => (await byUuid(host, uuid)) !== undefined,
  ).catch((error: unknown) => {
    throw explained(error);
  });
}

export const start = (host: LibvirtHost, net: NetworkRef): Promise<void> =>
  sure(
    () => host.session.call(networks.create, { net }),
    () => host.session.call(networks.isActive, { net }),
    /already active/i,
  ).catch((error: unknown) => {
    throw explained(error);
  });

export const stop = (host: LibvirtHost, net: NetworkRef): Promise<void> =>
  sure(
    () => host.session.call(networks.destroy, { net }),
    async () => !(await host.session.call(networks.isActive, { net })),
    /not (running|active)/i,
  );

export const setAutostart = (host: LibvirtHost, net: NetworkRef, autostart: boolean): Promise<void> =>
  sure(
    () => host.session.call(networks.setAutostart, { net, autostart }),
    async () => (await host.session.call(networks.autostart, { net })) === autostart,
  );

/** Nothing happens when there is none. */
export const undefine = async (host: LibvirtHost, net: NetworkRef): Promise<void> => {
  await unlessGone(
    sure(
      () => host.session.call(networks.undefine, { net }),
      async () => (await byUuid(host, net.uuid)) === undefined,
    ),
  );
};

/** Acts; a lost answer, or a refusal because it is so already, is success when `done` says so. */
async function sure(act: () => Promise<unknown>, done: () => Promise<boolean>, already?: RegExp): Promise<void> {
  try {
    await act();
  } catch (error) {
    const lost = isProviderError(error, "dropped");
    const so = libvirtCode(error) === ErrorCode.operationInvalid && isProviderError(error) && already?.test(error.fact);
    if (!(lost || so) || !(await done())) throw error;
  }
}

/**
 * Edits the inactive definition and defines it over the present one. What others allotted or released in between is kept
 * as they had it: libvirt's definition of a running network can be compared with what runs. Gives the text before.
 */
export async function redefine(
  host: LibvirtHost,
  net: NetworkRef,
  change: (network: Element) => void,
): Promise<string> {
  const text = await inactiveXml(host, net);
  const network = parseXml(text, "the network");
  const known = new Set(addressesOf(network).entries.map((e) => e.mac));
  const before = meaning(network);
  change(network);
  if (meaning(network) === before) return text;
  const active = await host.session.call(networks.isActive, { net });
  if (active && host.uri.hypervisor === "test") {
    // The test driver describes a running network as it was started and never takes a new definition in while it runs.
    await stop(host, net);
    await define(host, toText(network), net.uuid);
    await start(host, net);
    return text;
  }
  await define(host, toText(network), net.uuid);
  if (active) await reconcile(host, net, network, known);
  return text;
}

/** An element as text in which neither the order of attributes nor white space between elements counts. */
const meaning = (element: Element): string => {
  const attributes = Array.from(element.attributes, (a) => `${a.name}=${JSON.stringify(a.value)}`).sort();
  const inner = elements(element);
  const content = inner.length === 0 ? JSON.stringify(element.textContent) : inner.map(meaning).join("");
  return `<${element.localName} ${attributes.join(" ")}>${content}</>`;
};

async function reconcile(
  host: LibvirtHost,
  net: NetworkRef,
  defined: Element,
  known: ReadonlySet<string>,
): Promise<void> {
  const live = addressesOf(parseXml(await host.session.call(networks.xml, { net, flags: 0 }), "the network")).entries;
  const has = (list: readonly { readonly mac: string }[], mac: string) => list.some((e) => e.mac === mac);
  const mine = allottedEntries(defined);
  const added = live.filter((e) => !known.has(e.mac) && !has(addressesOf(defined).entries, e.mac));
  const gone = mine.filter((e) => known.has(e.mac) && !has(live, e.mac));
  for (const entry of added) await inConfig(host, net, "addLast", entry);
  for (const entry of gone) await inConfig(host, net, "delete", entry);
}

type Entry = Parameters<typeof hostElement>[0];

/** The definition alone is brought to what runs: the live side refuses, and that is as it should be. */
async function inConfig(
  host: LibvirtHost,
  net: NetworkRef,
  command: "addLast" | "delete",
  entry: Entry,
): Promise<void> {
  try {
    await editApart(host, net, { command, section: "dhcpHost", element: hostElement(entry) });
  } catch (error) {
    if (!isClash(error) && !isMissing(error)) throw error;
  }
}

/** What a daemon's refusal means for the declaration. */
function explained(error: unknown): unknown {
  if (!isProviderError(error)) return error;
  const about = (code: "exists" | "failed", property: string, hint: string) =>
    new ProviderError(code, error.fact, { where: { property }, hint, cause: error });
  if (/already in use by interface/i.test(error.fact))
    return about("failed", "cidr", "Choose a network that no interface or route of the host uses.");
  if (/bridge name .* already in use|creating bridge interface .*: File exists/i.test(error.fact))
    return about(
      "exists",
      "bridge",
      "Leave the bridge out, so that the host chooses a free name, or choose another one.",
    );
  const taken = /network '(.*)' (?:already exists|is already defined) with uuid/i.exec(error.fact)?.[1];
  return taken === undefined ? error : nameTaken(taken, error);
}

export const nameTaken = (name: string, cause?: unknown): ProviderError =>
  new ProviderError("exists", `"${name}" is on the host already and belongs to somebody else`, {
    where: { property: "name" },
    hint: "Choose another name, or set `adopt` to take the present network over.",
    cause,
  });
