import type { HostSettings } from "../../core/settings.js";
import { Memo } from "../memo.js";
import { Agent, type AgentLimits } from "./agent/agent.js";
import { recorder } from "./agent/record.js";
import { Claims } from "./claims.js";
import { type HostFacts, hostFacts, hostInventory, type Inventory } from "./requests/host.js";
import { type HostUri, parseUri } from "./uri.js";
import { type Through, type Way, wayTo } from "./way.js";

/** One Hyper-V host, as its drivers use it. */
export interface HypervHost {
  readonly uri: HostUri;
  readonly agent: Agent;
  readonly way: Way;
  /** Addresses and MACs that this process has given away and that no machine shows yet. */
  readonly claims: Claims;
  /** All that the host has, in one request, shared by everybody who asks within seconds. */
  view(): Promise<Inventory>;
  /** What kind of host it is; asked once. */
  facts(): Promise<HostFacts>;
  /** True until this process writes: from then on single objects are asked for themselves. */
  readonly fresh: boolean;
  /** Runs what writes: nothing that was known before is believed in it, nor afterwards what was asked in it. */
  change<T>(write: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** For tests: shorter limits, and something to see what goes to the host. */
export interface Within {
  /** Collects the requests, by name. */
  readonly counts?: Map<string, number>;
  /** Something between an agent, or a file transfer, and us. */
  readonly through?: Through;
  readonly limits?: Partial<AgentLimits> & { readonly sshKeepaliveMs?: number };
}

/** Connects nobody: the first request does. */
export function openHost(settings: HostSettings, { counts, through, limits }: Within = {}): HypervHost {
  const uri = parseUri(settings.uri);
  const way = wayTo(uri, settings, { through, keepaliveMs: limits?.sshKeepaliveMs });
  const heard = recorder(process.env["CROSSVISOR_RECORD"]);
  const agent = new Agent({ host: uri.host ?? "this machine", start: way.start, counts, heard, limits });
  return hostOver({ uri, agent, way });
}

/** A host over a connection that is there, of which nothing is known yet. */
export function hostOver({ uri, agent, way }: Pick<HypervHost, "uri" | "agent" | "way">): HypervHost {
  const memo = new Memo();
  let written = false;
  let facts: Promise<HostFacts> | undefined;
  return {
    uri,
    agent,
    way,
    claims: new Claims(),
    view: () => memo.share("view", () => hostInventory(agent)),
    facts: () => {
      facts ??= hostFacts(agent).catch((error: unknown) => {
        facts = undefined;
        throw error;
      });
      return facts;
    },
    get fresh() {
      return !written;
    },
    change: async (write) => {
      written = true;
      memo.forget();
      try {
        return await write();
      } finally {
        memo.forget();
      }
    },
    close: async () => {
      await agent.close();
      await way.close();
    },
  };
}
