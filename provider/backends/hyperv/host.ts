import type { Duplex } from "node:stream";
import type { HostSettings } from "../../core/settings.js";
import { Memo } from "../memo.js";
import { Agent } from "./agent/agent.js";
import { recorder } from "./agent/record.js";
import { Claims } from "./claims.js";
import { type HostFacts, hostFacts, hostInventory, type Inventory } from "./requests/host.js";
import { type HostUri, parseUri } from "./uri.js";
import { type Way, wayTo } from "./way.js";

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

/** Something between the agent and us, for tests. */
export type Through = (stream: Duplex) => Duplex;

/** Connects nobody: the first request does. `counts` collects the requests, for tests. */
export function openHost(
  settings: HostSettings,
  counts?: Map<string, number>,
  through: Through = (stream) => stream,
): HypervHost {
  const uri = parseUri(settings.uri);
  const way = wayTo(uri, settings);
  const agent = new Agent({
    host: uri.host ?? "this machine",
    start: async (words) => through(await way.start(words)),
    counts,
    heard: recorder(process.env["CROSSVISOR_RECORD"]),
  });
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
