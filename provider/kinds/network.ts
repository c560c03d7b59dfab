import { kind, type Problem } from "../core/kind.js";
import { choice, flag, integer, list, type Normal, object, text } from "../core/schema.js";
import { checkCidr4, checkIPv4, checkMac, gatewayOf, hasGuest, overlaps, parseCidr, toNumber } from "./address.js";
import { checkHostName, checkName, checkText, common, sameName } from "./common.js";

const range = object(
  {
    start: text({ doc: "First address handed out.", required: true, check: checkIPv4 }),
    end: text({ doc: "Last address handed out.", required: true, check: checkIPv4 }),
  },
  { doc: "Addresses that the network's DHCP server hands out to any guest. Changed live." },
);

const dhcpHost = object(
  {
    mac: text({ doc: "The guest's MAC address, lower case.", required: true, check: checkMac }),
    address: text({ doc: "The address it always gets.", required: true, check: checkIPv4 }),
    name: text({ doc: "The host name it is given and found by.", check: checkHostName }),
  },
  { doc: "A fixed address for one MAC." },
);

const dnsHost = object(
  {
    address: text({ doc: "The address that the names mean.", required: true, check: checkIPv4 }),
    names: list(text({ doc: "A host name.", check: checkHostName }), {
      doc: "Names of this address, at least one.",
      required: true,
    }),
  },
  { doc: "Names that the network's DNS server answers." },
);

const properties = {
  ...common,
  name: text({
    doc: "Name on the host. Default: the resource's name.",
    required: true,
    onChange: "replace",
    check: checkName,
  }),
  description: text({ doc: "Free text kept with it.", check: checkText, examples: ["first", "second"] }),
  mode: choice(["nat", "routed", "isolated", "private", "bridged"], {
    doc: "`nat`: guests reach out through the host. `routed`: without address translation. `isolated`: guests and host only. `private`: guests only. `bridged`: guests are on the network of a host bridge.",
    default: "nat",
    onChange: "restart",
  }),
  cidr: text({
    doc: "IPv4 network, prefix 8 to 30: `192.168.50.0/24`. The host has its first address. Required for `nat`, `routed` and `isolated`; not for the others.",
    onChange: "restart",
    check: checkCidr4,
  }),
  addressing: choice(["managed", "dhcp", "none"], {
    doc: "`managed`: each network interface is allotted a fixed address of the cidr, which DHCP hands out and the cloud-init seed states. `dhcp`: the network's DHCP server decides within `dhcp.range`. `none`: no DHCP. Default: `managed` where there is a cidr, else `none`.",
    onChange: "live",
  }),
  dhcp: object(
    {
      range,
      hosts: list(dhcpHost, {
        doc: "Fixed addresses. With `managed` addressing the network interfaces' own entries stand beside these and are not part of this list.",
        key: { field: "mac", prefix: "" },
      }),
    },
    { doc: "The network's DHCP server." },
  ),
  dns: object(
    {
      domain: text({ doc: "Domain of the guests' names.", onChange: "restart", check: checkHostName }),
      hosts: list(dnsHost, { doc: "Further names. Changed live.", key: { field: "address", prefix: "" } }),
    },
    { doc: "The network's DNS server." },
  ),
  mtu: integer({
    doc: "Largest packet, in bytes, 576 to 65535. Default: the host's.",
    min: 576,
    max: 65535,
    onChange: "restart",
  }),
  bridge: text({
    doc: "Name of the host's bridge, or of the network adapter that the host makes one of; required for `bridged`, where it must exist already. Default for the other modes: chosen by the host.",
    onChange: "restart",
    check: checkName,
  }),
  allowInterruption: flag({
    doc: "The explicit word without which `bridged` never makes a bridge of a network adapter, or gives one back: the host's own connections over it break off for some seconds. Means nothing where the bridge is there already.",
    default: false,
    policy: true,
  }),
  autostart: flag({ doc: "Start it when the host starts.", default: true, examples: [true, false] }),
  active: flag({
    doc: "Whether it runs. One that somebody else stopped is started again; `false` stops it and keeps it defined.",
    default: true,
    examples: [true, false],
  }),
} as const;

type Declared = Partial<Normal<typeof properties>>;
type Dhcp = NonNullable<Declared["dhcp"]>;
// Parts of a declaration that are not known yet are `undefined`, at any depth.
type Range = Partial<NonNullable<Dhcp["range"]>>;
type DhcpHost = NonNullable<Dhcp["hosts"]>[number];
type DnsHost = NonNullable<NonNullable<Declared["dns"]>["hosts"]>[number];

export const Network = kind({
  name: "Network",
  title: "network",
  doc: "A virtual network of the host, or a host bridge under a name.",
  properties,
  outputs: {
    active: flag({ doc: "Whether it runs.", required: true }),
    gateway: text({ doc: "The host's address in it." }),
    bridgeDevice: text({ doc: "The host's bridge device." }),
    host: text({ doc: "The host it is on.", required: true }),
  },
  rules: (declared) => [...modeRules(declared), ...addressRules(declared), ...dnsRules(declared)],
  clash: (mine, other, who) => [...sameName(mine, other, who), ...sharedAddresses(mine, other, who)],
});

/** Addresses on two networks have no one way to them; a bridge that the host makes belongs to one network. */
function sharedAddresses(mine: Declared, other: Declared, who: string): Problem[] {
  const [a, b] = [mine, other].map(({ cidr }) => (cidr === undefined ? undefined : parseCidr(cidr)));
  const made = mine.mode !== "bridged" && other.mode !== "bridged";
  return [
    ...(a !== undefined && b !== undefined && overlaps(a, b)
      ? [{ path: "cidr", reason: `overlaps with ${other.cidr} of ${who}: choose another one` }]
      : []),
    ...(made && mine.bridge !== undefined && mine.bridge === other.bridge
      ? [
          {
            path: "bridge",
            reason: `"${mine.bridge}" is the bridge of ${who} too: leave it out, or choose another one`,
          },
        ]
      : []),
  ];
}

function modeRules(declared: Declared): Problem[] {
  const { mode, dhcp, dns, cidr, addressing } = declared;
  const problems: Problem[] = [];
  const bare = mode === "private" || mode === "bridged";
  if (mode === "bridged" && !("bridge" in declared))
    problems.push({ path: "bridge", reason: 'is missing: mode "bridged" needs the name of a host bridge' });
  if (bare)
    for (const [path, value] of Object.entries({ cidr, dhcp, dns }))
      if (value !== undefined)
        problems.push({ path, reason: `must not be given with mode "${mode}", where the host serves nothing` });
  if (mode === "bridged" && declared.mtu !== undefined)
    problems.push({ path: "mtu", reason: 'must not be given with mode "bridged": the host\'s bridge has its own' });
  if (bare && addressing !== undefined && addressing !== "none")
    problems.push({ path: "addressing", reason: `must be "none" with mode "${mode}"` });
  if (!bare && addressing === "dhcp" && !("dhcp" in declared && "range" in (dhcp ?? { range: undefined })))
    problems.push({ path: "dhcp.range", reason: 'is missing: "dhcp" addressing needs the addresses to hand out' });
  if (addressing === "none" && dhcp !== undefined)
    problems.push({ path: "dhcp", reason: 'must not be given with addressing "none"' });
  return problems;
}

/** The host is in the network, with an address of it. */
const isServed = (mode: Declared["mode"]): boolean => mode === "nat" || mode === "routed" || mode === "isolated";

function addressRules(declared: Declared): Problem[] {
  const { mode, cidr: written, dhcp } = declared;
  const cidr = written === undefined ? undefined : parseCidr(written);
  if (cidr === undefined)
    return isServed(mode) && !("cidr" in declared)
      ? [{ path: "cidr", reason: `is missing: mode "${mode}" needs a network such as "192.168.50.0/24"` }]
      : [];
  const problems: Problem[] = [];
  const inside = (path: string, address: string | undefined) => {
    if (address === undefined) return;
    if (!hasGuest(cidr, address)) problems.push({ path, reason: `must be inside ${written}, not "${address}"` });
    else if (address === gatewayOf(cidr))
      problems.push({ path, reason: `must not be ${address}, which is the host's own` });
  };
  inside("dhcp.range.start", dhcp?.range?.start);
  inside("dhcp.range.end", dhcp?.range?.end);
  const { start, end }: Range = dhcp?.range ?? {};
  if (start !== undefined && end !== undefined && toNumber(start) > toNumber(end))
    problems.push({ path: "dhcp.range", reason: "must not end before it starts" });
  const addresses = (dhcp?.hosts ?? []).map((h: Partial<DhcpHost> | undefined) => h?.address);
  addresses.forEach((a, i) => {
    inside(`dhcp.hosts[${i}].address`, a);
    if (a !== undefined && addresses.indexOf(a) < i)
      problems.push({ path: `dhcp.hosts[${i}].address`, reason: `"${a}" is given to two MACs` });
  });
  const names = (dhcp?.hosts ?? []).map((h: Partial<DhcpHost> | undefined) => h?.name);
  names.forEach((n, i) => {
    if (n !== undefined && names.indexOf(n) < i)
      problems.push({ path: `dhcp.hosts[${i}].name`, reason: `"${n}" is given to two MACs` });
  });
  return problems;
}

const dnsRules = ({ dns }: Declared): Problem[] =>
  (dns?.hosts ?? []).flatMap((h: Partial<DnsHost> | undefined, i) =>
    h?.names?.length === 0 ? [{ path: `dns.hosts[${i}].names`, reason: "must hold at least one name" }] : [],
  );

/** The addressing that holds when none is declared. */
export const addressingOf = ({
  addressing,
  cidr,
}: Pick<Declared, "addressing" | "cidr">): "managed" | "dhcp" | "none" =>
  addressing ?? (cidr === undefined ? "none" : "managed");
