import type { InputsOf, Problem } from "../../core/kind.js";
import { showBytes } from "../../core/units.js";
import { hasGuest } from "../../kinds/address.js";
import type { VirtualMachine } from "../../kinds/index.js";
import { allot, managedCidr, networkOf, takenIn } from "./network.js";
import { volumeAt } from "./volume.js";
import type { Stored, World } from "./world.js";

type Declared = Partial<InputsOf<typeof VirtualMachine>>;
type Disk = InputsOf<typeof VirtualMachine>["disks"][number];
type Nic = InputsOf<typeof VirtualMachine>["networks"][number];

/** The pretended host's memory, in bytes, and processors. */
const MEMORY = 2 ** 40;
const CPUS = 256;

/** What the host objects to in a machine. Parts that are not known yet are `undefined`. */
export function machineProblems(
  world: World,
  wanted: Declared,
  now: Stored<typeof VirtualMachine> | undefined,
): readonly Problem[] {
  const others = world.VirtualMachine.filter((m) => m.id !== now?.id && m.properties.name !== wanted.name);
  return [
    ...sizes(wanted),
    ...(wanted.disks ?? []).flatMap((d, i) => diskProblems(world, others, d, `disks[${i}]`)),
    ...(wanted.networks ?? []).flatMap((n, i) =>
      nicProblems(world, { others, self: wanted.name }, n, `networks[${i}]`),
    ),
  ];
}

function sizes({ cpus = 0, maxCpus = 0, memory = 0, maxMemory = 0 }: Declared): Problem[] {
  const above = (path: string, n: number, limit: number, show: (n: number) => string) =>
    n > limit ? [{ path, reason: `must be at most ${show(limit)}, which the host has, not ${show(n)}` }] : [];
  return [
    ...above("cpus", cpus, CPUS, String),
    ...above("maxCpus", maxCpus, CPUS, String),
    ...above("memory", memory, MEMORY, showBytes),
    ...above("maxMemory", maxMemory, MEMORY, showBytes),
  ];
}

function diskProblems(
  world: World,
  others: readonly Stored<typeof VirtualMachine>[],
  disk: Partial<Disk> | undefined,
  at: string,
): Problem[] {
  const { volume, readOnly } = disk ?? {};
  if (volume === undefined) return [];
  if (!volumeAt(world, volume))
    return [{ path: `${at}.volume`, reason: `"${volume}" is not a volume of the host: declare it as a Volume` }];
  const user = others.find((m) => m.properties.disks.some((d) => d.volume === volume && !(d.readOnly && readOnly)));
  return user
    ? [
        {
          path: `${at}.volume`,
          reason: `"${volume}" is a disk of "${user.properties.name}" already: two writers destroy it`,
        },
      ]
    : [];
}

interface Around {
  readonly others: readonly Stored<typeof VirtualMachine>[];
  readonly self: string | undefined;
}

function nicProblems(world: World, { others, self }: Around, nic: Partial<Nic> | undefined, at: string): Problem[] {
  const { network: reference, mac, address } = nic ?? {};
  const clash = others.find((m) => mac !== undefined && m.properties.networks.some((n) => n.mac === mac));
  const problems: Problem[] = clash
    ? [{ path: `${at}.mac`, reason: `"${mac}" is a MAC of "${clash.properties.name}" already` }]
    : [];
  if (reference === undefined) return problems;
  const network = networkOf(world, reference);
  if (network === undefined)
    return [
      ...problems,
      { path: `${at}.network`, reason: `"${reference}" is not a network of the host: declare it as a Network` },
    ];
  const cidr = managedCidr(network);
  const { name, cidr: text } = network.properties;
  if (address === undefined) {
    const has = takenIn(world, network).some((t) => t.machine === self);
    const full = cidr !== undefined && !has && allot(world, network, at) === undefined;
    return full
      ? [...problems, { path: `${at}.network`, reason: `"${name}" has no address left in ${text}: widen it` }]
      : problems;
  }
  const user = takenIn(world, network).find((t) => t.address === address && t.machine !== self);
  const reason =
    cidr === undefined
      ? `must not be given: network "${name}" has no managed addressing`
      : !hasGuest(cidr, address)
        ? `must be inside ${text}, not "${address}"`
        : user && `"${address}" is the address of "${user.machine}" already`;
  return reason === undefined ? problems : [...problems, { path: `${at}.address`, reason }];
}
