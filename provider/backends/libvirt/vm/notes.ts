import { isIP } from "node:net";
import { same } from "../../../core/values.js";
import { NAMESPACE } from "../identity.js";
import { append, attribute, childrenOf, type Element, find, removeElement, type Tree } from "../xml.js";
import type { Allotted, Seed } from "./types.js";

/**
 * What crossvisor keeps in a domain's metadata: whose it is, and what libvirt has no element for. The names of disks and
 * interfaces are tied to the device name and the MAC, which libvirt keeps for the life of a device.
 */
export interface Notes {
  readonly owner: string;
  readonly guest: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly disks: readonly DiskNote[];
  readonly nics: readonly NicNote[];
  readonly seed: Seed | undefined;
}

export interface DiskNote {
  readonly name: string;
  readonly target: string;
  readonly spelling: "volume" | "path";
  /** The file that was put there: an external snapshot of others puts another one over it. */
  readonly path: string | undefined;
}

export interface NicNote {
  readonly name: string;
  readonly mac: string;
  /** The network as it was declared, and what that meant: its name in the definition and its UUID. */
  readonly spelling: string | undefined;
  readonly network: string | undefined;
  readonly uuid: string | undefined;
  readonly allotted: Allotted | undefined;
}

/**
 * `undefined` when the domain carries no mark. Whoever edits a definition by hand may have garbled it: a note that does
 * not tell what it is about counts as none, and the next update writes it anew.
 */
export function readNotes(domain: Element): Notes | undefined {
  const mark = noteElement(domain);
  if (mark === undefined) return undefined;
  const all = (name: string) => childrenOf(mark, name, NAMESPACE);
  const text = (e: Element, name: string) => attribute(e, name) ?? "";
  const seed = all("seed")[0];
  return {
    owner: text(mark, "owner"),
    guest: attribute(mark, "guest"),
    tags: Object.fromEntries(all("tag").map((e) => [text(e, "name"), text(e, "value")])),
    disks: noted(all("disk"), "target").map((e) => ({
      name: text(e, "name"),
      target: text(e, "target"),
      spelling: attribute(e, "spelling") === "path" ? "path" : "volume",
      path: attribute(e, "path"),
    })),
    nics: noted(all("nic"), "mac").map((e) => ({
      name: text(e, "name"),
      mac: text(e, "mac"),
      spelling: attribute(e, "spelling"),
      network: attribute(e, "network"),
      uuid: attribute(e, "uuid"),
      allotted: readAllotted(e),
    })),
    seed:
      seed && text(seed, "path") !== ""
        ? {
            pool: text(seed, "pool"),
            volume: text(seed, "volume"),
            path: text(seed, "path"),
            digest: text(seed, "digest"),
          }
        : undefined,
  };
}

/** Notes with a name and what it stands for, each name and each device once. */
function noted(elements: readonly Element[], device: "target" | "mac"): readonly Element[] {
  const once = (key: string) => new Set<string>([key]);
  const [names, devices] = [once(""), once("")];
  return elements.filter((e) => {
    const [name, of] = [attribute(e, "name") ?? "", attribute(e, device) ?? ""];
    const isGood = !names.has(name) && !devices.has(of);
    names.add(name);
    devices.add(of);
    return isGood;
  });
}

function readAllotted(nic: Element): Allotted | undefined {
  const address = attribute(nic, "address");
  const prefix = Number(attribute(nic, "prefix") ?? 24);
  if (address === undefined || isIP(address) !== 4 || !(prefix >= 0 && prefix <= 32)) return undefined;
  return {
    address,
    prefix,
    gateway: attribute(nic, "gateway"),
    dns: (attribute(nic, "dns") ?? "").split(" ").filter((d) => d !== ""),
  };
}

/** The notes as an element of the metadata. */
export const notesTree = (notes: Notes): Tree => {
  const [name, attributes = {}, ...content] = bareTree(notes, "cv:");
  return [name, { "xmlns:cv": NAMESPACE, ...attributes }, ...content];
};

/** The same without a namespace, as a running domain's metadata is set: the daemon adds prefix and namespace itself. */
export const bareTree = (notes: Notes, prefix = ""): Tree => [
  `${prefix}object`,
  { owner: notes.owner, guest: notes.guest },
  ...Object.entries(notes.tags).map(([name, value]): Tree => [`${prefix}tag`, { name, value }]),
  ...notes.disks.map((disk): Tree => [`${prefix}disk`, { ...disk }]),
  ...notes.nics.map(({ allotted: a, ...nic }): Tree => {
    const dns = a && a.dns.length > 0 ? a.dns.join(" ") : undefined;
    return [`${prefix}nic`, { ...nic, address: a?.address, prefix: a?.prefix, gateway: a?.gateway, dns }];
  }),
  notes.seed !== undefined && [`${prefix}seed`, { ...notes.seed }],
];

/** Puts the notes into a domain's metadata in place of older ones; other people's metadata stays. */
export function writeNotes(domain: Element, notes: Notes): void {
  if (same(readNotes(domain), notes)) return;
  const metadata = find(domain, "metadata") ?? append(domain, ["metadata"]);
  removeElement(noteElement(domain));
  append(metadata, notesTree(notes));
}

const noteElement = (domain: Element): Element | undefined => {
  const metadata = find(domain, "metadata");
  return metadata && childrenOf(metadata, "object", NAMESPACE)[0];
};
