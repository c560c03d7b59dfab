import { project } from "../../core/compare.js";
import type { Driver, Step, Verdict } from "../../core/driver.js";
import { isProviderError, ProviderError } from "../../core/errors.js";
import type { Problem } from "../../core/kind.js";
import { plan } from "../../core/plan.js";
import type { Kinds } from "../../kinds/index.js";
import { Network } from "../../kinds/network.js";
import type { LibvirtHost } from "./host.js";
import { isUuid, uuidOf } from "./identity.js";
import { listed } from "./inventory.js";
import { examineNetwork } from "./network-check.js";
import { addressesOf } from "./network-ip.js";
import { names, usersOf } from "./network-plugs.js";
import { beyond, type NetworkInputs, type ObservedNetwork, propertiesOf } from "./network-read.js";
import { byName, byUuid, definitionFlags, findNetwork, inactiveXml, refOf, unlessGone } from "./network-ref.js";
import { updateNetwork } from "./network-update.js";
import { define, nameTaken, setAutostart, start, stop, undefine } from "./network-write.js";
import { EVERY_PART, settle } from "./network-xml.js";
import { refuse } from "./refusal.js";
import { networks } from "./rpc/procedures/network.js";
import type { NetworkRef } from "./rpc/types.js";
import { attributeAt, parseXml, toText, write } from "./xml.js";

const BECAUSE = "the network is stopped and started; its running machines are plugged in again";
const RESTARTS: Verdict = { effect: "restart", because: BECAUSE };
const LIVE: Verdict = { effect: "live" };

/** A network that does not run, or that shall not run any longer, is changed without a restart. */
const restarts = (now: ObservedNetwork | undefined, wanted: NetworkInputs, because = BECAUSE): Verdict =>
  now?.outputs.active === false || wanted.active === false ? LIVE : { ...RESTARTS, because };

/** What Linux takes for the name of an interface. */
const deviceProblem = (path: string, name: string): readonly Problem[] =>
  /^[A-Za-z0-9_.-]{1,15}$/.test(name)
    ? []
    : [{ path, reason: "must be an interface name of 1 to 15 letters, digits, _ . -" }];

/** Networks of a libvirt host. The id is the UUID. */
export const network: Driver<Kinds["Network"], LibvirtHost> = {
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
  limits: ({ bridge }) => (bridge === undefined ? [] : deviceProblem("bridge", bridge)),
  effects: {
    mode: (_change, now, wanted) => restarts(now, wanted),
    cidr: (_change, now, wanted) => restarts(now, wanted),
    // The size of a tap and of the device in the guest is set when the machine starts.
    mtu: (_change, now, wanted) => restarts(now, wanted, `${BECAUSE}, and take it over when they start anew`),
    bridge: (_change, now, wanted) => restarts(now, wanted),
    dns: (change, now, wanted) => (touchesDomain(change) ? restarts(now, wanted) : LIVE),
  },
  list: async ({ inventory }) => listed(await inventory.networks()),
  find: findNetwork,
  examine: examineNetwork,
  observe: observeNetwork,
  create: createNetwork,
  update: updateNetwork,
  remove: removeNetwork,
};

/** Whether a change of `dns` is one of its domain: alone, or with the whole object. */
function touchesDomain({
  field,
  before,
  after,
}: {
  readonly field?: string;
  readonly before: unknown;
  readonly after: unknown;
}) {
  if (field !== undefined) return field === "domain";
  const domain = (dns: unknown) => (dns as { readonly domain?: string } | undefined)?.domain ?? "";
  return domain(before) !== domain(after);
}

/** In bulk while nothing was written: then a network costs one call. */
async function observeNetwork(host: LibvirtHost, id: string): Promise<ObservedNetwork | undefined> {
  const answer = host.inventory.fresh ? await inBulk(host, id) : await alone(host, id);
  if (answer === undefined) return undefined;
  const root = parseXml(answer.xml, `the network ${id}`);
  return {
    id,
    properties: { ...propertiesOf(root, answer.autostart), active: answer.active },
    outputs: {
      active: answer.active,
      gateway: addressesOf(root).hostAddress,
      bridgeDevice: attributeAt(root, "bridge", "name"),
      host: host.uri.identity,
    },
    beyond: beyond(root),
  };
}

interface Answer {
  readonly xml: string;
  readonly active: boolean;
  readonly autostart: boolean;
}

async function inBulk(host: LibvirtHost, id: string): Promise<Answer | undefined> {
  const entry = (await host.inventory.networks()).get(id);
  const xml = entry && (await unlessGone(host.inventory.networkXml(entry.ref, definitionFlags(host))));
  return entry && xml !== undefined ? { xml, active: entry.active, autostart: entry.autostart } : undefined;
}

async function alone(host: LibvirtHost, id: string): Promise<Answer | undefined> {
  const net = await unlessGone(refOf(host, id));
  if (net === undefined) return undefined;
  const asked = Promise.all([
    inactiveXml(host, net),
    host.session.call(networks.isActive, { net }),
    host.session.call(networks.autostart, { net }),
  ]);
  return unlessGone(asked.then(([xml, active, autostart]) => ({ xml, active, autostart })));
}

async function createNetwork(host: LibvirtHost, wanted: NetworkInputs, step: Step): Promise<void> {
  if (wanted.adopt !== undefined) return adoptNetwork(host, wanted.adopt, step);
  const uuid = uuidOf("Network", wanted.owner, wanted.name);
  const present = await byName(host, wanted.name);
  if (present !== undefined && present.uuid !== uuid) throw nameTaken(wanted.name);
  if (present !== undefined) return goOn(host, uuid, wanted, step);
  host.inventory.forget();
  refuse(await examineNetwork(host, wanted, undefined));
  host.inventory.forget();
  const root = parseXml(write(["network", {}, ["name", {}, wanted.name], ["uuid", {}, uuid]]), "the network");
  settle(root, wanted, EVERY_PART, []);
  await define(host, toText(root), uuid);
  const net = { name: wanted.name, uuid };
  // Autostart is as wanted last of all: until then a creation that broke off shows, and the next update starts it.
  if (!wanted.autostart) await setAutostart(host, net, true);
  if (wanted.active) await firstStart(host, net, step);
  step.made(uuid);
  await setAutostart(host, net, wanted.autostart);
}

/** A network that cannot start is taken away again: nothing of it is left, so that the next attempt begins anew. */
async function firstStart(host: LibvirtHost, net: NetworkRef, step: Step): Promise<void> {
  try {
    await start(host, net);
  } catch (error) {
    const unsure = isProviderError(error, "dropped", "unreachable", "timeout", "busy");
    const undone = !unsure && (await undefine(host, net).then(...truth));
    if (!undone) step.made(net.uuid);
    throw error;
  }
}

const truth = [() => true, () => false] as const;

/** An earlier attempt of the same owner got to some point: the rest is an update. */
async function goOn(host: LibvirtHost, id: string, wanted: NetworkInputs, step: Step): Promise<void> {
  step.made(id);
  host.inventory.forget();
  const now = await observeNetwork(host, id);
  if (now === undefined) throw new ProviderError("busy", "the network was removed while it was being made");
  const before = project(Network.properties, wanted, now.properties);
  const { changes } = plan(Network, network, { before, wanted, now });
  if (changes.length > 0) await updateNetwork(host, { id, observed: now, wanted, changes }, step);
}

async function adoptNetwork(host: LibvirtHost, adopt: string, step: Step): Promise<void> {
  const found = (await byName(host, adopt)) ?? (isUuid(adopt) ? await byUuid(host, adopt) : undefined);
  if (found === undefined)
    throw new ProviderError("not-found", `there is no network "${adopt}" on the host`, {
      where: { property: "adopt" },
      hint: "Name one that the host has, by its name or UUID, or leave `adopt` out.",
    });
  step.made(found.uuid);
}

async function removeNetwork(host: LibvirtHost, id: string): Promise<void> {
  const net = await byUuid(host, id);
  if (net === undefined) return;
  const users = await usersOf(host, net.name, "all");
  if (users.length > 0)
    throw new ProviderError("busy", `it is used by ${names(users.map((u) => u.dom.name))}`, {
      hint: "Remove these machines first, or take their interfaces off the network.",
    });
  host.inventory.forget();
  await unlessGone(stop(host, net));
  await undefine(host, net);
}
