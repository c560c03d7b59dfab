import type { Problem } from "../../core/kind.js";
import { cidrText, overlaps, parseCidr } from "../../kinds/address.js";
import type { LibvirtHost } from "./host.js";
import { isOurUuid, isUuid, uuidOf } from "./identity.js";
import { addressesOf, type HostEntry } from "./network-ip.js";
import { allottedEntries } from "./network-mark.js";
import { usersOf } from "./network-plugs.js";
import type { NetworkInputs, ObservedNetwork } from "./network-read.js";
import { definitionFlags, unlessGone } from "./network-ref.js";
import { SAME_UUID_HINT, sameUuid } from "./refusal.js";
import type { NetworkRef } from "./rpc/types.js";
import { attributeAt, type Element, parseXml } from "./xml.js";

/** A network of the host, described. */
interface Present {
  readonly ref: NetworkRef;
  readonly network: Element;
}

/**
 * What the host knows to be wrong with a declaration: the name of somebody else's network, a cidr that another network
 * has, an address that is allotted. The host's own routes cannot be asked for; a start tells.
 */
export async function examineNetwork(
  host: LibvirtHost,
  wanted: Partial<NetworkInputs>,
  now: ObservedNetwork | undefined,
): Promise<readonly Problem[]> {
  const present = await presentNetworks(host);
  const mine = now?.id ?? (wanted.name === undefined ? undefined : uuidOf("Network", wanted.owner ?? "", wanted.name));
  const adopted = wanted.adopt === undefined ? undefined : named(present, wanted.adopt);
  const id = now?.id ?? adopted?.ref.uuid ?? mine;
  const replaced = now !== undefined && wanted.name !== undefined && now.properties.name !== wanted.name;
  return [
    ...(replaced ? await userProblems(host, now) : []),
    ...(now === undefined ? claimProblems(present, wanted, id) : []),
    ...overlapProblems(present, wanted, id),
    ...bridgeProblems(present, wanted, id),
    ...hostProblems(present, wanted, id),
  ];
}

/** A replacement deletes the network, which is refused while somebody else's machine uses it. Those of ours go before. */
async function userProblems(host: LibvirtHost, { properties }: ObservedNetwork): Promise<readonly Problem[]> {
  const users = await usersOf(host, properties.name ?? "", "all");
  const user = users.find(({ dom }) => !isOurUuid(dom.uuid));
  if (user === undefined) return [];
  const reason = `cannot change: the network would be replaced, and the virtual machine "${user.dom.name}" uses it`;
  return [{ path: "name", reason: `${reason}: take its interfaces off the network first` }];
}

async function presentNetworks(host: LibvirtHost): Promise<readonly Present[]> {
  const all = [...(await host.inventory.networks()).values()];
  const described = await Promise.all(
    all.map(async ({ ref }): Promise<Present[]> => {
      const xml = await unlessGone(host.inventory.networkXml(ref, definitionFlags(host)));
      return xml === undefined ? [] : [{ ref, network: parseXml(xml, `the network ${ref.name}`) }];
    }),
  );
  return described.flat();
}

export const named = <T extends { readonly ref: NetworkRef }>(all: readonly T[], adopt: string): T | undefined =>
  all.find(({ ref }) => ref.name === adopt) ??
  (isUuid(adopt) ? all.find(({ ref }) => ref.uuid === adopt.toLowerCase()) : undefined);

function claimProblems(present: readonly Present[], { name, adopt }: Partial<NetworkInputs>, id: string | undefined) {
  const problems: Problem[] = [];
  if (adopt !== undefined) {
    const found = named(present, adopt);
    if (found === undefined) problems.push({ path: "adopt", reason: `there is no network "${adopt}" on the host` });
    else if (name !== undefined && found.ref.name !== name)
      problems.push({ path: "name", reason: `must be "${found.ref.name}", the name of what is adopted` });
    return problems;
  }
  const double = present.find(({ ref }) => ref.uuid === id && ref.name !== name);
  if (double !== undefined && name !== undefined)
    problems.push({ path: "name", reason: `${sameUuid(double.ref.name)}: ${SAME_UUID_HINT}` });
  else if (present.some(({ ref }) => ref.name === name && ref.uuid !== id))
    problems.push({
      path: "name",
      reason: `"${name}" is on the host already and belongs to somebody else: choose another name, or set \`adopt\` to take it over`,
    });
  return problems;
}

function overlapProblems(
  present: readonly Present[],
  wanted: Partial<NetworkInputs>,
  id: string | undefined,
): Problem[] {
  const cidr = wanted.cidr === undefined ? undefined : parseCidr(wanted.cidr);
  if (cidr === undefined) return [];
  return present.flatMap(({ ref, network }) => {
    const other = ref.uuid === id ? undefined : addressesOf(network).cidr;
    if (other === undefined || !overlaps(cidr, other)) return [];
    const reason = `overlaps with ${cidrText(other)} of the network "${ref.name}": choose another one`;
    return [{ path: "cidr", reason }];
  });
}

/** A bridge that libvirt makes belongs to one network. */
function bridgeProblems(
  present: readonly Present[],
  { bridge, mode }: Partial<NetworkInputs>,
  id: string | undefined,
): Problem[] {
  if (bridge === undefined || mode === undefined || mode === "bridged") return [];
  return present.flatMap(({ ref, network }) => {
    const has = ref.uuid !== id && attributeAt(network, "bridge", "name") === bridge;
    const reason = `"${bridge}" is the bridge of the network "${ref.name}" already: leave it out, or choose another one`;
    return has ? [{ path: "bridge", reason }] : [];
  });
}

/** Declared fixed addresses that a machine's interface has already. */
function hostProblems(present: readonly Present[], wanted: Partial<NetworkInputs>, id: string | undefined): Problem[] {
  const network = present.find(({ ref }) => ref.uuid === id)?.network;
  if (network === undefined) return [];
  const allotted = allottedEntries(network);
  // What is not known yet is undefined, also inside of a list.
  const hosts: readonly (Partial<HostEntry> | undefined)[] = wanted.dhcp?.hosts ?? [];
  return hosts.flatMap((host, i) => {
    const { mac, address } = host ?? {};
    const other = allotted.find((e) => e.address === address && e.mac !== mac);
    if (other === undefined) return [];
    const reason = `${address} is allotted to ${other.name ?? "an interface"} (${other.mac}): choose another one`;
    return [{ path: `dhcp.hosts[${i}].address`, reason }];
  });
}
