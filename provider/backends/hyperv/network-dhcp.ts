import { ProviderError } from "../../core/errors.js";
import type { Problem } from "../../core/kind.js";
import { gatewayOf, inRange, netmaskOf, parseCidr, toAddress, toNumber } from "../../kinds/address.js";
import { readMark } from "./machine/mark.js";
import { cidrOf, natName, readMark as readNetworkMark } from "./network-mark.js";
import type { NetworkInputs } from "./network-types.js";
import { reasonOf } from "./refuse.js";
import type { Inventory } from "./requests/host.js";
import type { NewScope } from "./requests/switch.js";
import type { DhcpView, ScopeView, SwitchView } from "./view.js";

type Dhcp = NetworkInputs["dhcp"];

/** A scope is known by the address of its network. */
const idOf = (cidr: string | undefined): string | undefined => {
  const parsed = cidr === undefined ? undefined : parseCidr(cidr);
  return parsed && toAddress(parsed.network);
};

/**
 * As `scopeOf`, for what is only known when the server tells it.
 *
 * @throws `failed` where the switch's notes say that something is handed out, and the server does not say what.
 */
export function tellingScopeOf(found: SwitchView, dhcp: DhcpView): ScopeView | undefined {
  if (readNetworkMark(found.notes).mark?.dhcp === true) {
    if (dhcp.error !== undefined) throw dhcp.error;
    const fault = dhcp.service === "Absent" ? undefined : silence(dhcp);
    if (fault !== undefined) throw new ProviderError("failed", fault.fact, { hint: fault.hint });
  }
  return scopeOf(found, dhcp);
}

/** What the host's DHCP server hands out in the network of a switch, as far as it is ours. */
export function scopeOf(found: SwitchView, dhcp: DhcpView): ScopeView | undefined {
  const id = idOf(cidrOf(found));
  const ours = dhcp.scopes.filter((scope) => scope.ours);
  // Where the host has lost its address in the network, only the name tells.
  return ours.find((scope) => scope.id === id) ?? ours.find(({ name }) => name === natName(found.name));
}

const silence = ({ service }: DhcpView) =>
  service === "Running"
    ? undefined
    : {
        fact: `the host's DHCP server is ${service.toLowerCase()}, so nobody knows what it hands out`,
        hint: "Start it as an administrator: Start-Service DHCPServer.",
      };

/** What a scope says in the words of a declaration; entries in the order in which they are known. */
export function dhcpOf(scope: ScopeView | undefined, recorded: Dhcp): Dhcp {
  if (scope === undefined || !scope.active) return undefined;
  const places = new Map((recorded?.hosts ?? []).map(({ mac }, i) => [mac, i]));
  const place = (mac: string): number => places.get(mac) ?? places.size;
  const hosts = scope.reservations
    .map(({ mac, address, name }) => ({ mac, address, ...(name === "" ? {} : { name }) }))
    .toSorted((a, b) => place(a.mac) - place(b.mac) || toNumber(a.address) - toNumber(b.address));
  return { range: { start: scope.start, end: scope.end }, hosts };
}

/** What the host's DHCP server shall hand out in a network: with the way out of it, and with servers for names, behind NAT. */
export function newScope(wanted: NetworkInputs, nameServers: readonly string[]): NewScope | undefined {
  const { name, mode, cidr, dhcp } = wanted;
  const parsed = cidr === undefined ? undefined : parseCidr(cidr);
  if (parsed === undefined || dhcp?.range === undefined) return undefined;
  const isNat = mode === "nat";
  return {
    id: toAddress(parsed.network),
    name: natName(name),
    mask: netmaskOf(parsed),
    ...dhcp.range,
    hosts: (dhcp.hosts ?? []).map((h) => ({ ...h, mac: h.mac.replaceAll(":", "-"), name: h.name ?? "" })),
    router: isNat ? gatewayOf(parsed) : undefined,
    dns: isNat ? nameServers : [],
  };
}

/** Reservations of this server lie in a scope, and a scope has a range. Values that are not known yet are skipped. */
export function dhcpLimits({ dhcp }: Partial<NetworkInputs>): readonly Problem[] {
  if (dhcp === undefined) return [];
  const { range, hosts = [] } = dhcp;
  if (!("range" in dhcp))
    return [
      { path: "dhcp.range", reason: "is missing: this host's DHCP server knows fixed addresses only in a range" },
    ];
  const [start, end] = [range?.start, range?.end];
  if (start === undefined || end === undefined) return [];
  return hosts.flatMap(({ address }, i) =>
    address === undefined || inRange({ start, end }, address)
      ? []
      : [{ path: `dhcp.hosts[${i}].address`, reason: `must be within dhcp.range on this host, not "${address}"` }],
  );
}

/** What the host's DHCP server, and machines with addresses that were given to them, make impossible. */
export function dhcpProblems(
  { dhcp, cidr }: Partial<NetworkInputs>,
  { dhcp: there, machines }: Pick<Inventory, "dhcp" | "machines">,
  id: string | undefined,
): readonly Problem[] {
  if (dhcp === undefined) return [];
  const reason = (fact: string, hint: string): readonly Problem[] => [
    { path: "dhcp", reason: reasonOf({ fact, hint }) },
  ];
  if (there.service === "Absent")
    return reason(
      "not supported: the host has no DHCP server",
      'Leave it out, for addressing "managed", or install the role as an administrator: Install-WindowsFeature DHCP -IncludeManagementTools.',
    );
  const fault = silence(there);
  if (fault !== undefined) return reason(fault.fact, fault.hint);
  if (there.error !== undefined)
    return reason(there.error.fact, there.error.hint ?? "Give the login the rights of the group DHCP Administrators.");
  const other = there.scopes.find(({ id, ours }) => !ours && id === idOf(cidr));
  if (other !== undefined)
    return [
      { path: "cidr", reason: `is that of the scope "${other.name}" of the host's DHCP server: choose another one` },
    ];
  return id === undefined ? [] : rangeProblems(dhcp.range, machines, id);
}

/** A range would hand out once more what a machine has for ever. */
function rangeProblems(
  range: NonNullable<Dhcp>["range"],
  machines: Inventory["machines"],
  id: string,
): readonly Problem[] {
  const [start, end] = [range?.start, range?.end];
  if (start === undefined || end === undefined) return [];
  for (const machine of machines)
    for (const { switchId, address } of readMark(machine.notes).mark?.nics ?? [])
      if (switchId === id && address !== undefined && inRange({ start, end }, address.address))
        return [
          {
            path: "dhcp.range",
            reason: `holds ${address.address}, the address of "${machine.name}": choose another range`,
          },
        ];
  return [];
}
