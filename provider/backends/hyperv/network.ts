import type { Driver, Recorded, Step, Update } from "../../core/driver.js";
import { ProviderError } from "../../core/errors.js";
import type { Problem } from "../../core/kind.js";
import { gatewayOf, parseCidr } from "../../kinds/address.js";
import { addressingOf } from "../../kinds/network.js";
import type { HypervHost } from "./host.js";
import { acrossBreak } from "./interruption.js";
import { dhcpLimits, dhcpOf, newScope, scopeOf, tellingScopeOf } from "./network-dhcp.js";
import { existingSwitch, networkProblems } from "./network-examine.js";
import { cidrOf, modeOf, natName, natOf, readMark, switchNamed, writeMark } from "./network-mark.js";
import type { Network, NetworkInputs, NetworkObserved } from "./network-types.js";
import { refuse } from "./refuse.js";
import { hostInventory } from "./requests/host.js";
import {
  createSwitch,
  getSwitch,
  type NewSwitch,
  removeSwitch,
  type SwitchChange,
  updateSwitch,
} from "./requests/switch.js";
import type { DhcpView, NatView, SwitchView } from "./view.js";

const ALWAYS = "not supported: a switch of this host is always there and always on: leave it out";
const NO_NAMES = "not supported: this host serves no names to its networks: leave it out";

const LIVE = { effect: "live" } as const;

/** Networks are virtual switches; the id is the switch's. */
export const network: Driver<Network, HypervHost> = {
  support: {
    owner: true,
    adopt: true,
    name: true,
    description: true,
    mode: true,
    cidr: true,
    addressing: true,
    dhcp: true,
    dns: NO_NAMES,
    mtu: "not supported: guests of this host set it themselves: leave it out",
    bridge: true,
    allowInterruption: true,
    autostart: ALWAYS,
    active: ALWAYS,
  },
  limits,
  effects: {
    name: () => LIVE,
    mode: ({ before, after }) =>
      before === "bridged" || after === "bridged"
        ? { effect: "replace", because: "a switch with a network adapter is another switch" }
        : LIVE,
    cidr: () => LIVE,
    dhcp: () => LIVE,
    bridge: () => ({ effect: "replace", because: "the network adapter of a switch is chosen when it is made" }),
  },
  list: async (host) =>
    (await host.view()).switches.map((s) => ({ id: s.id, name: s.name, properties: {}, outputs: {} })),
  find: async (host, word) => switchNamed((await host.view()).switches, word)?.id,
  examine: networkProblems,
  observe,
  create: (host, wanted, step) => host.change(() => create(host, wanted, step)),
  update: (host, made, step) => host.change(() => update(host, made, step)),
  remove: (host, id, declared, step) => host.change(() => remove(host, id, declared, step)),
};

function limits(declared: Partial<NetworkInputs>): readonly Problem[] {
  const { mode, bridge } = declared;
  const problems: Problem[] = [];
  if (mode === "routed")
    problems.push({ path: "mode", reason: 'must not be "routed" on this host, which routes only with NAT: use "nat"' });
  if (bridge !== undefined && mode !== undefined && mode !== "bridged")
    problems.push({ path: "bridge", reason: 'must be given with mode "bridged" only on this host: leave it out' });
  return [...problems, ...dhcpLimits(declared)];
}

async function observe(
  host: HypervHost,
  id: string,
  recorded?: Recorded<Network>,
): Promise<NetworkObserved | undefined> {
  const answer = host.fresh ? await host.view() : undefined;
  if (answer !== undefined) {
    const found = answer.switches.find((s) => s.id === id.toLowerCase());
    return found && observed(host, found, answer, recorded);
  }
  const { switch: found, ...around } = await getSwitch(host.agent, id);
  return found && observed(host, found, around, recorded);
}

function observed(
  host: HypervHost,
  found: SwitchView,
  { nats, dhcp }: { readonly nats: readonly NatView[]; readonly dhcp: DhcpView },
  recorded: Recorded<Network> | undefined,
): NetworkObserved {
  const { text, mark } = readMark(found.notes);
  const cidr = cidrOf(found);
  const mode = modeOf(found, nats);
  const served = mode === "nat" || mode === "isolated";
  const parsed = cidr === undefined ? undefined : parseCidr(cidr);
  return {
    id: found.id,
    properties: {
      ...(mark === undefined ? {} : { owner: mark.owner }),
      name: found.name,
      description: text || (recorded?.inputs.description === "" ? "" : undefined),
      mode,
      cidr: served ? cidr : undefined,
      addressing: mark?.addressing ?? "none",
      dhcp: dhcpOf(tellingScopeOf(found, dhcp), recorded?.inputs.dhcp),
      bridge: mode === "bridged" ? (mark?.bridge ?? found.adapters[0]) : undefined,
      autostart: true,
      active: true,
    },
    outputs: {
      active: true,
      ...(served && parsed !== undefined ? { gateway: gatewayOf(parsed) } : {}),
      host: host.uri.identity,
    },
    beyond: found.adapters.length > 1 ? [`the network adapters ${found.adapters.join(", ")}`] : [],
  };
}

const markOf = (wanted: NetworkInputs) => ({
  owner: wanted.owner,
  addressing: addressingOf(wanted),
  bridge: wanted.bridge,
  dhcp: wanted.dhcp === undefined ? undefined : true,
});

/** The host's address in a network that it serves. */
function hostAddress({ mode, cidr }: NetworkInputs) {
  const parsed = cidr === undefined ? undefined : parseCidr(cidr);
  return (mode === "nat" || mode === "isolated") && parsed !== undefined
    ? { address: gatewayOf(parsed), prefix: parsed.prefix }
    : undefined;
}

const translation = ({ name, mode, cidr }: NetworkInputs) =>
  mode === "nat" && cidr !== undefined ? { name: natName(name), prefix: cidr } : undefined;

async function create(host: HypervHost, wanted: NetworkInputs, step: Step): Promise<void> {
  if (wanted.adopt !== undefined) return step.made((await existingSwitch(host, wanted.adopt)).id);
  const mine = (await host.view()).switches.find((s) => isOurs(s, wanted));
  if (mine !== undefined) return step.made(mine.id);
  refuse(await networkProblems(host, wanted, undefined));
  const scope = wanted.dhcp && newScope(wanted, (await host.facts()).nameServers);
  const make = () => createSwitch(host.agent, { ...newSwitch(wanted), scope }, { signal: step.signal });
  const look = async () => (await hostInventory(host.agent)).switches.find((s) => isOurs(s, wanted));
  const { id } = wanted.mode === "bridged" ? await acrossBreak(make, look, step) : await make();
  step.made(id);
}

const isOurs = ({ name, notes }: SwitchView, wanted: NetworkInputs): boolean =>
  name === wanted.name && readMark(notes).mark?.owner === wanted.owner;

function newSwitch(wanted: NetworkInputs): NewSwitch {
  const bridged = wanted.mode === "bridged";
  return {
    name: wanted.name,
    type: bridged ? "External" : wanted.mode === "private" ? "Private" : "Internal",
    notes: writeMark(wanted.description, markOf(wanted)),
    adapters: bridged && wanted.bridge !== undefined ? [wanted.bridge] : undefined,
    managementOS: bridged ? true : undefined,
    host: hostAddress(wanted),
    nat: translation(wanted),
  };
}

async function update(host: HypervHost, { id, wanted, changes }: Update<Network>, { signal }: Step): Promise<void> {
  const { switch: answer, nats, dhcp } = await getSwitch(host.agent, id);
  if (answer === undefined) throw new ProviderError("not-found", `the switch ${id} is gone from the host`);
  const now = answer;
  const steps: SwitchChange[] = [];
  const has = (...names: string[]) => changes.some(({ property }) => names.includes(property));
  if (has("name")) steps.push({ what: "name", with: { name: wanted.name } });
  const scope = wanted.dhcp && newScope(wanted, (await host.facts()).nameServers);
  const old = scopeOf(now, dhcp);
  // What is not handed out any more goes before its network does.
  if (old !== undefined && old.id !== scope?.id) steps.push({ what: "scope.remove", with: { id: old.id } });
  if (has("mode", "cidr")) steps.push(...served(now, natOf(now, nats), wanted));
  if (scope !== undefined && has("mode", "cidr", "dhcp", "name")) steps.push({ what: "scope.set", with: scope });
  if (has("owner", "description", "addressing", "cidr", "mode", "dhcp"))
    steps.push({ what: "notes", with: { notes: writeMark(wanted.description, markOf(wanted)) } });
  if (steps.length > 0) await updateSwitch(host.agent, id, steps, { signal });
}

/** What the host serves in the network: what goes goes first. */
function served(now: SwitchView, nat: NatView | undefined, wanted: NetworkInputs): SwitchChange[] {
  const steps: SwitchChange[] = [];
  const [address, translated] = [hostAddress(wanted), translation(wanted)];
  if (nat !== undefined && nat.prefix !== translated?.prefix) steps.push({ what: "nat.remove", with: nat });
  const type = wanted.mode === "private" ? "Private" : "Internal";
  if (now.type !== "External" && now.type !== type) steps.push({ what: "type", with: { type } });
  if (address !== undefined) steps.push({ what: "host", with: address });
  if (translated !== undefined && nat?.prefix !== translated.prefix) steps.push({ what: "nat.add", with: translated });
  return steps;
}

async function remove(
  host: HypervHost,
  id: string,
  { allowInterruption }: Partial<NetworkInputs>,
  step: Step,
): Promise<void> {
  const { switch: answer, nats, dhcp } = await getSwitch(host.agent, id);
  if (answer === undefined) return;
  const found = answer;
  const scope = tellingScopeOf(found, dhcp)?.id;
  if (found.type === "External" && found.managementOS && allowInterruption !== true)
    throw new ProviderError("invalid", "its deletion breaks the host's own connections off for some seconds", {
      where: { property: "allowInterruption" },
      hint: "Set allowInterruption to true and run an update first.",
    });
  const act = () => removeSwitch(host.agent, id, { nat: natOf(found, nats), scope }, { signal: step.signal });
  const isGone = async () => (await getSwitch(host.agent, id)).switch === undefined || undefined;
  if (found.type === "External") await acrossBreak(act, isGone, step);
  else await act();
}
