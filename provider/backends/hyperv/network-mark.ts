import type { Fields } from "../../core/values.js";
import { cidrText, parseCidr } from "../../kinds/address.js";
import type { NetworkInputs } from "./network-types.js";
import { readNotes, writeNotes } from "./notes.js";
import type { NatView, SwitchView } from "./view.js";

/** What crossvisor keeps in a switch's notes: whose it is, and what Hyper-V has no word for. */
export interface NetworkMark {
  readonly owner: string;
  readonly addressing: "managed" | "dhcp" | "none";
  /** The host's DHCP server hands addresses out in it. */
  readonly dhcp?: boolean | undefined;
  /** The host's network adapter in it, as it was declared. */
  readonly bridge?: string | undefined;
}

export const writeMark = (description: string | undefined, mark: NetworkMark): string =>
  writeNotes(description ?? "", mark as unknown as Fields);

export function readMark(notes: string): { readonly text: string; readonly mark: NetworkMark | undefined } {
  const { text, mark } = readNotes(notes);
  const { owner, addressing, bridge, dhcp } = mark ?? {};
  if (typeof owner !== "string") return { text, mark: undefined };
  return {
    text,
    mark: {
      owner,
      addressing: addressing === "managed" || addressing === "dhcp" ? addressing : "none",
      bridge: typeof bridge === "string" ? bridge : undefined,
      dhcp: dhcp === true ? true : undefined,
    },
  };
}

/** By its id or its name. */
export const switchNamed = (switches: readonly SwitchView[], word: string): SwitchView | undefined =>
  switches.find(({ id }) => id === word.toLowerCase()) ?? switches.find(({ name }) => name === word);

/** The host's IPv4 network on a switch; an address that it chose by itself is none. */
export function cidrOf({ addresses }: SwitchView): string | undefined {
  for (const { address, prefix } of addresses) {
    const cidr = address.startsWith("169.254.") ? undefined : parseCidr(`${address}/${prefix}`);
    if (cidr !== undefined) return cidrText(cidr);
  }
  return undefined;
}

export function modeOf(found: SwitchView, nats: readonly NatView[]): NetworkInputs["mode"] {
  if (found.type === "External") return "bridged";
  if (found.type === "Private") return "private";
  return natOf(found, nats) === undefined ? "isolated" : "nat";
}

/** The translation of a switch's network. */
export function natOf(found: SwitchView, nats: readonly NatView[]): NatView | undefined {
  const cidr = cidrOf(found);
  return cidr === undefined ? undefined : nats.find(({ prefix }) => prefix === cidr);
}

/** The translation's own name; people see it in `Get-NetNat`. */
export const natName = (network: string): string => `crossvisor-${network}`;
