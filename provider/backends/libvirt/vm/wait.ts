import type { Step } from "../../../core/driver.js";
import { ProviderError } from "../../../core/errors.js";
import { type Addresses, chosen } from "../../addresses.js";
import type { LibvirtHost } from "../host.js";
import { domainRef, type NetworkRef } from "../rpc/types.js";
import { leasesOf, ofAgent } from "./addresses.js";
import { agentConnected } from "./power.js";
import { liveXml } from "./running.js";
import type { Nic, Resolved } from "./types.js";

/**
 * No event announces a lease, so it is asked for this often while somebody waits. Milliseconds. libvirt has two events of
 * a network, its lifecycle and, since 9.8.0, its metadata (virNetworkEventID of libvirt-network.h), and leases are in
 * neither; the guest agent's event says that the agent came, not an address.
 */
const LEASE_MS = 500;
/** The guest agent's connection is looked at this often, in looks at the leases. */
const AGENT_EVERY = 4;

/**
 * Prepares the wait for an address that the declaration asks for; the answer, called after the start, does it. Leases
 * that are there before the start are an earlier instance's and prove nothing.
 */
export async function addressWait(host: LibvirtHost, machine: Resolved, step: Step): Promise<() => Promise<void>> {
  const { waitForAddress: wait, powerState } = machine.inputs;
  if (wait === undefined || powerState !== "running") return async () => undefined;
  const old = new Set((await currentLeases(host, machine.nics)).map(leaseKey));
  return async () => {
    step.report(`waiting up to ${wait.timeout} s for an address`);
    let last: Addresses = {};
    let looks = 0;
    const found = async () => {
      last = await look(host, machine, { old, agent: looks++ % AGENT_EVERY === 0 });
      return chosen(last, wait);
    };
    const limits = { timeoutMs: wait.timeout * 1000, every: LEASE_MS, signal: step.signal };
    if ((await host.watch.until(machine.uuid, found, limits)) !== undefined) return;
    const known = Object.entries(last).map(([name, list]) => `${name}: ${list.join(", ") || NOTHING}`);
    const summary = known.join("; ") || "it has no interfaces";
    throw new ProviderError("timeout", `the guest has no address that fits after ${wait.timeout} s (${summary})`, {
      where: { property: "waitForAddress" },
      hint: "Look at the guest's console: does it boot, and does it ask for an address by DHCP?",
    });
  };
}

const NOTHING = "no lease, and no guest agent that answers";
type Known = Awaited<ReturnType<typeof leasesOf>>[number];
const leaseKey = (l: Known) => `${l.mac} ${l.address} ${l.expires}`;

/** Of the networks that allotted no address. */
async function currentLeases(host: LibvirtHost, nics: readonly Nic[]): Promise<readonly Known[]> {
  host.inventory.forget();
  const networks = new Map(
    nics.flatMap((n): [string, NetworkRef][] =>
      "uuid" in n.source && n.address === undefined
        ? [[n.source.uuid, { name: n.source.network, uuid: n.source.uuid }]]
        : [],
    ),
  );
  return (await Promise.all([...networks.values()].map((net) => leasesOf(host, net)))).flat();
}

/** What the network allotted counts at once; else a new lease, else what the agent of a guest without one says. */
async function look(
  host: LibvirtHost,
  { uuid, nics }: Resolved,
  { old, agent: asks }: { readonly old: ReadonlySet<string>; readonly agent: boolean },
): Promise<Addresses> {
  const fresh = (await currentLeases(host, nics)).filter((l) => !old.has(leaseKey(l)));
  const byLease = nics.map(
    (n) => [n, n.address ? [n.address.address] : fresh.filter((l) => l.mac === n.mac).map((l) => l.address)] as const,
  );
  if (!asks || byLease.every(([, list]) => list.length > 0)) return named(byLease);
  const dom = domainRef("", uuid);
  if (!agentConnected(await liveXml({ host, dom }))) return named(byLease);
  const agent = await ofAgent(host, dom);
  return named(
    byLease.map(
      ([n, list]) => [n, list.length > 0 ? list : (agent.find((a) => a.mac === n.mac)?.addresses ?? [])] as const,
    ),
  );
}

const named = (list: readonly (readonly [Nic, readonly string[]])[]): Addresses =>
  Object.fromEntries(list.map(([n, a]) => [n.name, a]));
