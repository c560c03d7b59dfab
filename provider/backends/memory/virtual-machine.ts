import type { Difference } from "../../core/compare.js";
import type { Observed, Verdict } from "../../core/driver.js";
import type { InputsOf, OutputsOf } from "../../core/kind.js";
import { showBytes } from "../../core/units.js";
import { same } from "../../core/values.js";
import { within } from "../../kinds/address.js";
import { VirtualMachine } from "../../kinds/index.js";
import { macOf } from "../macs.js";
import { driver } from "./driver.js";
import { machineProblems } from "./machine-problems.js";
import { allot, managedCidr, networkOf } from "./network.js";
import type { Edit } from "./rules.js";
import { volumeAt } from "./volume.js";
import type { Stored, World } from "./world.js";

type K = typeof VirtualMachine;
type Nic = InputsOf<K>["networks"][number];

/** A start lies between only when it is up and shall stay up. */
const staysUp = (now: Observed<K> | undefined, wanted: InputsOf<K>): boolean =>
  now === undefined || (now.outputs.state !== "stopped" && wanted.powerState !== "stopped");

const restart = ({ property, after }: Difference, now: Observed<K> | undefined, wanted: InputsOf<K>): Verdict => {
  const is = (now?.properties as Readonly<Record<string, unknown>> | undefined)?.[property];
  return { effect: staysUp(now, wanted) && !(now && same(is, after)) ? "restart" : "live" };
};

const withinLimit =
  (limit: "maxCpus" | "maxMemory", show: (n: number) => string) =>
  ({ after }: Difference, now: Observed<K> | undefined, wanted: InputsOf<K>): Verdict => {
    const most = now?.properties[limit];
    if (!staysUp(now, wanted) || (typeof after === "number" && most !== undefined && after <= most))
      return { effect: "live" };
    return { effect: "restart", ...(most === undefined ? {} : { because: `${limit} is ${show(most)}` }) };
  };

function settle(world: World, { next, before, wanted, restart }: Edit<K>): Stored<K> {
  const { properties: p } = next;
  const disks = p.disks.map((d) => ({
    ...d,
    format: d.format ?? volumeAt(world, d.volume)?.properties.format ?? "raw",
  }));
  const most = (limit: number | undefined, n: number) => Math.max(limit ?? n, n);
  const [maxCpus, maxMemory] = [most(p.maxCpus, p.cpus), most(p.maxMemory, p.memory)];
  const properties = { ...p, disks, maxCpus, maxMemory, networks: nics(world, { next, before, wanted }) };
  const { instance, ...stopped } = { ...next, properties };
  if (p.powerState === "stopped") return stopped;
  if (instance !== undefined && !restart) return { ...stopped, instance };
  world.starts += 1;
  return { ...stopped, instance: world.starts };
}

/** Interfaces with a MAC and, in a network with managed addressing, an address. What they had is kept. */
function nics(world: World, { next, before, wanted }: Omit<Edit<K>, "restart">): readonly Nic[] {
  return next.properties.networks.map((nic): Nic => {
    const network = networkOf(world, nic.network);
    const was = before?.properties.networks.find((n) => n.name === nic.name);
    const said = wanted.networks.find((n) => n.name === nic.name)?.address;
    const kept = networkOf(world, was?.network) === network ? nic.address : undefined;
    const address = said ?? kept ?? (network && allot(world, network, `${next.id} ${nic.name}`));
    return { ...nic, mac: nic.mac ?? macOf(next.id, nic.name), address };
  });
}

/** There is no guest: the addresses are those that it would be given. */
function outputs(world: World, { properties: p, instance }: Stored<K>): Omit<OutputsOf<K>, "host"> {
  const addressOf = ({ network, address }: Nic): readonly string[] => {
    const at = networkOf(world, network);
    return p.powerState !== "stopped" && address !== undefined && at && managedCidr(at) ? [address] : [];
  };
  const addresses = Object.fromEntries(p.networks.map((n) => [n.name, addressOf(n)]));
  const { nic, family, cidr } = p.waitForAddress ?? {};
  const candidates = nic === undefined ? Object.values(addresses).flat() : (addresses[nic] ?? []);
  return {
    state: p.powerState,
    addresses,
    macs: Object.fromEntries(p.networks.map((n) => [n.name, n.mac ?? ""])),
    ipAddress: candidates.find((a) => family !== "ipv6" && (cidr === undefined || within(a, cidr))),
    instance,
  };
}

export const virtualMachine = driver(VirtualMachine, {
  support: {
    owner: true,
    adopt: true,
    name: true,
    description: true,
    tags: true,
    cpus: true,
    maxCpus: true,
    memory: true,
    maxMemory: true,
    dynamicMemory: true,
    firmware: true,
    secureBoot: true,
    tpm: true,
    guest: true,
    acceleration: true,
    disks: true,
    cdrom: true,
    networks: true,
    cloudInit: true,
    powerState: true,
    autostart: true,
    shutdown: true,
    restartPolicy: true,
    allowSnapshotLoss: true,
    waitForAddress: true,
  },
  effects: {
    cpus: withinLimit("maxCpus", String),
    memory: withinLimit("maxMemory", showBytes),
    maxCpus: restart,
    maxMemory: restart,
    firmware: restart,
    secureBoot: restart,
    tpm: restart,
    acceleration: restart,
  },
  place: (_world, { name }) => name,
  problems: machineProblems,
  settle,
  outputs,
  needed: () => undefined,
});
