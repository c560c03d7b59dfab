import { ProviderError } from "../../../core/errors.js";
import { type Cidr, cidrText, gatewayOf, hasGuest, inRange, parseCidr, toNumber } from "../../../kinds/address.js";
import { freeAddress } from "../../free-address.js";
import { macOf } from "../../macs.js";
import type { HypervHost } from "../host.js";
import { scopeOf } from "../network-dhcp.js";
import { cidrOf, modeOf, readMark as readNetworkMark, switchNamed } from "../network-mark.js";
import type { Fault } from "../refuse.js";
import type { Inventory } from "../requests/host.js";
import type { MachineView, SwitchView } from "../view.js";
import { type Allotted, type NicMark, readMark } from "./mark.js";
import type { DeclaredNic, MachineInputs } from "./types.js";

/** An interface with everything decided. */
export interface Nic extends NicMark {
  readonly connected: boolean;
  readonly vlan?: number | undefined;
}

/** By its id or name; of a bridge only by its name. */
export const switchOf = (switches: readonly SwitchView[], nic: DeclaredNic): SwitchView | undefined =>
  nic.bridge === undefined ? switchNamed(switches, nic.network ?? "") : switches.find((s) => s.name === nic.bridge);

export const NETWORK_HINT = "Declare a Network, or name a switch that `Get-VMSwitch` shows.";

/** What the host has, and who answers its questions for names. */
export type Surroundings = Inventory & { readonly nameServers: readonly string[] };

/** In whose name the host's claims keep what a machine was given. */
export const claimantOf = ({ owner, name }: Pick<MachineInputs, "owner" | "name">): string => `${owner} ${name}`;

/**
 * Each interface with its switch, MAC and address. What is given away here stands in the host's claims until the machine
 * shows it; `self` is the machine that exists already.
 */
export function resolveNics(
  host: HypervHost,
  view: Surroundings,
  wanted: Pick<MachineInputs, "owner" | "name" | "networks">,
  self: MachineView | undefined,
): readonly Nic[] {
  const own = self === undefined ? undefined : readMark(self.notes).mark;
  return wanted.networks.map((nic, i) => {
    const found = switchOf(view.switches, nic);
    if (found === undefined)
      throw new ProviderError("invalid", `the host has no network "${nic.network ?? nic.bridge}"`, {
        where: { property: `networks[${i}].${nic.bridge === undefined ? "network" : "bridge"}` },
        hint: NETWORK_HINT,
      });
    const noted = own?.nics.find((n) => n.name === nic.name);
    const mac = nic.mac ?? noted?.mac ?? macOf(wanted.owner, wanted.name, nic.name);
    const room = { host, view, found, self, claimant: claimantOf(wanted), property: `networks[${i}]` };
    claimMac(room, mac);
    const kept = noted?.switchId === found.id ? noted.address : undefined;
    const address = allot(room, nic.address, kept, mac);
    const { name, network, bridge, connected, vlan } = nic;
    return { name, mac, network, bridge, switchId: found.id, address, connected, vlan };
  });
}

interface Room {
  readonly host: HypervHost;
  readonly view: Surroundings;
  readonly found: SwitchView;
  readonly self: MachineView | undefined;
  readonly claimant: string;
  readonly property: string;
}

/** Where addresses are taken. */
interface Taking extends Pick<Room, "found" | "self"> {
  readonly view: Inventory;
}

function claimMac({ host, view, self, claimant, property }: Room, mac: string): void {
  const other = view.machines.find((m) => m.id !== self?.id && m.nics.some((n) => n.mac === mac));
  if (other !== undefined || !host.claims.allows(mac, claimant))
    throw new ProviderError(
      "exists",
      `${mac} is the MAC of ${other === undefined ? "another machine" : `"${other.name}"`}`,
      {
        where: { property: `${property}.mac` },
        hint: "Give the interface another mac.",
      },
    );
  host.claims.give(mac, claimant);
}

/** The network of a switch whose addresses are given out. */
function managed(found: SwitchView): Cidr | undefined {
  const cidr = parseCidr(cidrOf(found) ?? "");
  return readNetworkMark(found.notes).mark?.addressing === "managed" ? cidr : undefined;
}

/** What speaks against a wanted address, as far as the host shows it. */
export function addressFault(
  place: Taking,
  wanted: string,
): (Fault & { readonly code: "invalid" | "exists" }) | undefined {
  const { found } = place;
  const cidr = managed(found);
  if (cidr === undefined)
    return {
      code: "invalid",
      fact: `the network "${found.name}" manages no addresses`,
      hint: 'Leave the address out, or set addressing to "managed" on a Network with a cidr.',
    };
  if (!hasGuest(cidr, wanted) || wanted === gatewayOf(cidr))
    return {
      code: "invalid",
      fact: `${wanted} is not an address for guests of ${cidrText(cidr)}`,
      hint: "Choose one inside the network that is not the host's own.",
    };
  const range = scopeOf(found, place.view.dhcp);
  if (range !== undefined && inRange(range, wanted))
    return {
      code: "invalid",
      fact: `${wanted} is handed out by the host's DHCP server, from ${range.start} to ${range.end}`,
      hint: "Choose one outside of dhcp.range of the Network.",
    };
  const owner = takenIn(place).get(wanted);
  if (owner === undefined) return undefined;
  return { code: "exists", fact: `${wanted} belongs to ${owner}`, hint: "Choose another address." };
}

/** The wanted address, the one that it has, or a free one; nothing where the network manages none. */
function allot(room: Room, wanted: string | undefined, kept: Allotted | undefined, mac: string): Allotted | undefined {
  const { found, view, host, claimant } = room;
  if (wanted !== undefined) refuseAddress(room, wanted);
  const cidr = managed(found);
  if (cidr === undefined) return undefined;
  const address = wanted ?? chooseAddress(room, cidr, kept?.address, mac);
  host.claims.give(claimOf(found, address), claimant);
  const isNat = modeOf(found, view.nats) === "nat";
  // A guest that has its servers keeps them: it asks for its configuration at its first start only.
  const dns = kept?.address === address ? kept.dns : isNat ? view.nameServers : [];
  return { address, prefix: cidr.prefix, gateway: isNat ? gatewayOf(cidr) : undefined, dns };
}

/** @throws with the property, for what speaks against a wanted address on the host or among what is given away. */
function refuseAddress(room: Room, wanted: string): void {
  const given = {
    code: "exists",
    fact: `${wanted} belongs to another machine`,
    hint: "Choose another address.",
  } as const;
  const fault = addressFault(room, wanted) ?? (isClaimable(room, wanted) ? undefined : given);
  if (fault === undefined) return;
  const where = { property: `${room.property}.address` };
  throw new ProviderError(fault.code, fault.fact, { where, hint: fault.hint });
}

/** The address that a machine has already, or a free one. */
function chooseAddress(room: Room, cidr: Cidr, kept: string | undefined, mac: string): string {
  const { found, view } = room;
  const owners = takenIn(room);
  const isFree = (address: string) => !owners.has(address) && isClaimable(room, address);
  if (kept !== undefined && hasGuest(cidr, kept) && isFree(kept)) return kept;
  const range = scopeOf(found, view.dhcp);
  const taken = new Set<number>([...owners.keys()].map(toNumber));
  for (;;) {
    const next = freeAddress({ cidr, hostAddress: gatewayOf(cidr), range, taken }, mac);
    if (next === undefined)
      throw new ProviderError("failed", `no address of ${cidrText(cidr)} is free`, {
        where: { property: "networks" },
        hint: "Give the Network a larger cidr, or remove machines from it.",
      });
    if (isFree(next)) return next;
    taken.add(toNumber(next));
  }
}

const isClaimable = ({ host, found, claimant }: Room, address: string): boolean =>
  host.claims.allows(claimOf(found, address), claimant);

const claimOf = ({ id }: SwitchView, address: string): string => `${address}@${id}`;

/** Addresses that other machines have in a network, with their names. */
function takenIn({ view, found, self }: Taking): ReadonlyMap<string, string> {
  const taken = new Map<string, string>();
  for (const machine of view.machines) {
    if (machine.id === self?.id) continue;
    for (const { switchId, address } of readMark(machine.notes).mark?.nics ?? [])
      if (switchId === found.id && address !== undefined) taken.set(address.address, `"${machine.name}"`);
  }
  return taken;
}
