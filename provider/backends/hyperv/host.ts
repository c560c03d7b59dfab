import type { HostSettings } from "../../core/settings.js";
import { Agent } from "./agent/agent.js";
import { recorder } from "./agent/record.js";
import { type HostUri, parseUri } from "./uri.js";
import { type Way, wayTo } from "./way.js";

/** One Hyper-V host, as its drivers use it. */
export interface HypervHost {
  readonly uri: HostUri;
  readonly agent: Agent;
  readonly way: Way;
  close(): Promise<void>;
}

/** Connects nobody: the first request does. `counts` collects the requests, for tests. */
export function openHost(settings: HostSettings, counts?: Map<string, number>): HypervHost {
  const uri = parseUri(settings.uri);
  const way = wayTo(uri, settings);
  const agent = new Agent({
    host: uri.host ?? "this machine",
    start: (words) => way.start(words),
    counts,
    heard: recorder(process.env["CROSSVISOR_RECORD"]),
  });
  return {
    uri,
    agent,
    way,
    close: async () => {
      await agent.close();
      await way.close();
    },
  };
}
