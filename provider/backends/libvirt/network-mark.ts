import { NAMESPACE } from "./identity.js";
import { addressesOf, type HostEntry } from "./network-ip.js";
import { append, attribute, childrenOf, type Element, ensure, find, removeElement, type Tree } from "./xml.js";

export type Addressing = "managed" | "dhcp" | "none";

/**
 * What crossvisor keeps in a network's metadata: whose it is, and what libvirt has no element for. It is read from the
 * inactive definition: libvirt before 9.7 cannot change the metadata of a network that runs (procedure 444).
 */
export interface Mark {
  readonly owner: string;
  readonly addressing: Addressing;
  readonly description: string | undefined;
  /** MACs of the declared fixed addresses, in their declared order. All other entries of a managed network are allotted. */
  readonly declared: readonly string[];
  /** Properties that are defined and not yet in effect: a restart was begun and has not been seen to end. */
  readonly pending: readonly string[];
}

const ADDRESSINGS: readonly string[] = ["managed", "dhcp", "none"] satisfies Addressing[];

/** `undefined` when the network carries no mark. */
export function readMark(network: Element): Mark | undefined {
  const mark = markElement(network);
  if (mark === undefined) return undefined;
  const addressing = attribute(mark, "addressing");
  return {
    owner: attribute(mark, "owner") ?? "",
    addressing: isAddressing(addressing) ? addressing : "none",
    description: childrenOf(mark, "description", NAMESPACE)[0]?.textContent ?? undefined,
    declared: childrenOf(mark, "host", NAMESPACE).flatMap((e) => attribute(e, "mac") ?? []),
    pending: (attribute(mark, "pending") ?? "").split(" ").filter((p) => p !== ""),
  };
}

export function writeMark(network: Element, mark: Mark): void {
  removeElement(markElement(network));
  const tree: Tree = [
    "cv:object",
    {
      "xmlns:cv": NAMESPACE,
      owner: mark.owner,
      addressing: mark.addressing,
      pending: mark.pending.length === 0 ? undefined : mark.pending.join(" "),
    },
    mark.description !== undefined && mark.description !== "" && inMark("description", {}, mark.description),
    ...mark.declared.map((mac) => inMark("host", { mac })),
  ];
  append(ensure(network, "metadata"), tree);
}

const markElement = (network: Element): Element | undefined => {
  const metadata = find(network, "metadata");
  return metadata && childrenOf(metadata, "object", NAMESPACE)[0];
};

const inMark = (name: string, attributes: Readonly<Record<string, string>>, ...content: string[]): Tree => [
  `cv:${name}`,
  { "xmlns:cv": NAMESPACE, ...attributes },
  ...content,
];

const isAddressing = (text: string | undefined): text is Addressing => text !== undefined && ADDRESSINGS.includes(text);

/** The entries of a network that nobody declared: what was allotted. Empty where the network is not managed. */
export function allottedEntries(network: Element): readonly HostEntry[] {
  const mark = readMark(network);
  if (mark?.addressing !== "managed") return [];
  const declared = new Set(mark.declared);
  return addressesOf(network).entries.filter((e) => !declared.has(e.mac));
}

/** How a network of crossvisor addresses its guests, from its inactive definition; `none` for what others made. */
export const addressingOfXml = (network: Element) => readMark(network)?.addressing ?? "none";
