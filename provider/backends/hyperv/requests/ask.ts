import type { Agent, AgentLimits, RequestOptions } from "../agent/agent.js";
import type { Decoder } from "../decode.js";

/** What a caller may say of how it waits. */
export type Waiting = Pick<RequestOptions, "signal" | "onProgress">;

type Args = Readonly<Record<string, unknown>>;

const asking =
  (limit: keyof AgentLimits, repeatable: boolean) =>
  async <T>(agent: Agent, name: string, args: Args, decode: Decoder<T>, waiting: Waiting = {}): Promise<T> =>
    decode(await agent.request(name, args, { ...waiting, timeoutMs: agent.limits[limit], repeatable }), name);

/** Asks for what changes nothing: once more when the answer was lost. */
export const read = asking("readMs", true);
/** Asks for a change. A lost answer is `dropped`. */
export const change = asking("changeMs", false);
/** Asks for a change that writes or reads a whole disk. Ends at the host when the caller gives up. */
export const work = asking("workMs", false);
