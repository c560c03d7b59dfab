import type { Agent } from "../agent/agent.js";
import { fields, flag, list, optional, text } from "../decode.js";
import { dhcp, type NatView, nat, type SwitchView, virtualSwitch } from "../view.js";
import { change, read, type Waiting } from "./ask.js";

const found = fields({ switch: optional(virtualSwitch), nats: list(nat), dhcp });

/** `switch` is undefined when the host has none of that id; all NATs and DHCP scopes of the host come with it. */
export const getSwitch = (agent: Agent, id: string, waiting?: Waiting) =>
  read(agent, "switch.get", { id }, found, waiting);

/** Names of the host's own network adapters, those of external switches among them. */
export const hostAdapters = async (agent: Agent, waiting?: Waiting): Promise<readonly string[]> =>
  (await read(agent, "host.adapters", {}, fields({ names: list(text) }), waiting)).names;

export interface NewSwitch {
  readonly name: string;
  readonly type: "Private" | "Internal" | "External";
  readonly notes: string;
  /** Names of physical adapters, for `External`. Making it cuts connections through them for seconds: `dropped`. */
  readonly adapters?: readonly string[] | undefined;
  /** For `External`: the host keeps using the adapters through the switch. */
  readonly managementOS?: boolean | undefined;
  /** The host's address on an `Internal` one. */
  readonly host?: { readonly address: string; readonly prefix: number } | undefined;
  readonly nat?: NatView | undefined;
  readonly scope?: NewScope | undefined;
}

/** What the host's DHCP server hands out in a network. */
export interface NewScope {
  /** Address of the network. */
  readonly id: string;
  readonly name: string;
  readonly mask: string;
  readonly start: string;
  readonly end: string;
  /** Reservations, within the range; MACs with dashes. */
  readonly hosts: readonly { readonly mac: string; readonly address: string; readonly name: string }[];
  /** The way out of the network, where there is one, and the servers for names there. */
  readonly router?: string | undefined;
  readonly dns: readonly string[];
}

/** Makes it with all that belongs to it, or leaves nothing. `exists` when another NAT or scope has the network. */
export const createSwitch = (agent: Agent, wanted: NewSwitch, waiting?: Waiting): Promise<SwitchView> => {
  const { name, type, notes, adapters, managementOS, host, nat, scope } = wanted;
  return change(
    agent,
    "switch.create",
    { name, type, notes, adapters, managementOS, host, nat, scope },
    virtualSwitch,
    waiting,
  );
};

export type SwitchChange =
  | { readonly what: "name"; readonly with: { readonly name: string } }
  | { readonly what: "notes"; readonly with: { readonly notes: string } }
  | { readonly what: "type"; readonly with: { readonly type: "Private" | "Internal" } }
  | { readonly what: "managementOS"; readonly with: { readonly wanted: boolean } }
  | { readonly what: "host"; readonly with: { readonly address: string; readonly prefix: number } }
  | { readonly what: "nat.add" | "nat.remove"; readonly with: NatView }
  | { readonly what: "scope.set"; readonly with: NewScope }
  | { readonly what: "scope.remove"; readonly with: { readonly id: string } };

/** Makes changes in their order, up to the first that fails; all of them live. */
export const updateSwitch = (agent: Agent, id: string, changes: readonly SwitchChange[], waiting?: Waiting) =>
  change(agent, "switch.update", { id, changes }, virtualSwitch, waiting);

/** Removes the scope (by its id), the NAT, the host's address and the switch; whether it was there. `busy` while a machine is connected. */
export const removeSwitch = async (
  agent: Agent,
  id: string,
  { nat, scope }: { nat?: NatView | undefined; scope?: string | undefined },
  waiting?: Waiting,
) => (await change(agent, "switch.remove", { id, nat, scope }, fields({ removed: flag }), waiting)).removed;
