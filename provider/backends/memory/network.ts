import type { InputsOf, Problem } from "../../core/kind.js";
import { type Cidr, gatewayOf, hasGuest, inRange, overlaps, parseCidr, toAddress } from "../../kinds/address.js";
import { Network } from "../../kinds/index.js";
import { addressingOf } from "../../kinds/network.js";
import { driver } from "./driver.js";
import { numberOf, type Stored, type World } from "./world.js";

type Declared = Partial<InputsOf<typeof Network>>;

/** The network of a name or an id. */
export const networkOf = (world: World, reference: string | undefined): Stored<typeof Network> | undefined =>
  world.Network.find((n) => n.id === reference || n.properties.name === reference);

const cidrOf = ({ cidr }: Declared): Cidr | undefined => (cidr === undefined ? undefined : parseCidr(cidr));

/** The cidr that addresses are allotted from; `undefined` where none are. */
export const managedCidr = ({ properties }: Stored<typeof Network>): Cidr | undefined =>
  addressingOf(properties) === "managed" ? cidrOf(properties) : undefined;

interface Taken {
  readonly machine: string;
  readonly nic: string;
  readonly address: string;
}

/** The addresses that interfaces have in a network. */
export const takenIn = (world: World, network: Stored<typeof Network>): readonly Taken[] =>
  world.VirtualMachine.flatMap(({ properties: m }) =>
    m.networks.flatMap(({ name, network: reference, address }) =>
      address !== undefined && networkOf(world, reference) === network ? [{ machine: m.name, nic: name, address }] : [],
    ),
  );

/**
 * An address for `who`: always the same one while the network is empty, the next free one else. Neither the gateway's,
 * nor inside the DHCP range, nor anybody's. `undefined` when all are taken.
 */
export function allot(world: World, network: Stored<typeof Network>, who: string): string | undefined {
  const cidr = managedCidr(network);
  if (cidr === undefined) return undefined;
  const { dhcp } = network.properties;
  const taken = new Set([
    gatewayOf(cidr),
    ...takenIn(world, network).map((t) => t.address),
    ...(dhcp?.hosts?.map((h) => h.address) ?? []),
  ]);
  const usable = cidr.broadcast - cidr.network - 1;
  const first = numberOf(who, usable);
  for (let i = 0; i < usable; i++) {
    const address = toAddress(cidr.network + 1 + ((first + i) % usable));
    const handedOut = dhcp?.range !== undefined && inRange(dhcp.range, address);
    if (!handedOut && !taken.has(address)) return address;
  }
  return undefined;
}

function stranded(world: World, wanted: Declared, now: Stored<typeof Network>): Problem[] {
  const cidr = cidrOf(wanted);
  const left = takenIn(world, now).find((t) => cidr !== undefined && !hasGuest(cidr, t.address));
  return left
    ? [{ path: "cidr", reason: `must hold ${left.address}, which "${left.nic}" of "${left.machine}" has` }]
    : [];
}

export const network = driver(Network, {
  support: {
    owner: true,
    adopt: true,
    name: true,
    description: true,
    mode: true,
    cidr: true,
    addressing: true,
    dhcp: true,
    dns: true,
    mtu: true,
    bridge: true,
    allowInterruption: true,
    autostart: true,
    active: true,
  },
  effects: {},
  find: networkOf,
  place: (_world, { name }) => name,
  problems: (world, wanted, now) => {
    const cidr = cidrOf(wanted);
    const other = world.Network.find((n) => {
      const theirs = cidrOf(n.properties);
      return n.properties.name !== wanted.name && cidr && theirs && overlaps(cidr, theirs);
    });
    const { name, cidr: theirs } = other?.properties ?? {};
    return [
      ...(other ? [{ path: "cidr", reason: `overlaps with ${theirs} of network "${name}": choose another one` }] : []),
      ...(now ? stranded(world, wanted, now) : []),
    ];
  },
  settle: (_world, { next }) => next,
  outputs: (_world, { id, properties }) => {
    const cidr = cidrOf(properties);
    const none = properties.mode === "private" || properties.mode === "bridged";
    return {
      active: properties.active,
      gateway: cidr === undefined || none ? undefined : gatewayOf(cidr),
      bridgeDevice: properties.bridge ?? `mem${id.slice(0, 8)}`,
    };
  },
  needed: (world, network) => {
    const machine = world.VirtualMachine.find((m) =>
      m.properties.networks.some((n) => networkOf(world, n.network) === network),
    );
    return machine && `virtual machine "${machine.properties.name}" is on it`;
  },
});
