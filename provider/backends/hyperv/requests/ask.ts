import type { Agent, RequestOptions } from "../agent/agent.js";
import type { Decoder } from "../decode.js";

/** What a caller may say of how it waits. */
export type Waiting = Pick<RequestOptions, "signal" | "onProgress">;

/** Milliseconds that an answer may take: of what only reads, and of what changes something and ends by itself. */
const READ = 120_000;
const CHANGE = 900_000;
/** What copies or fills a disk: it may have terabytes. */
const LONG = 86_400_000;

type Args = Readonly<Record<string, unknown>>;

const asking =
  (timeoutMs: number, repeatable: boolean) =>
  async <T>(agent: Agent, name: string, args: Args, decode: Decoder<T>, waiting: Waiting = {}): Promise<T> =>
    decode(await agent.request(name, args, { ...waiting, timeoutMs, repeatable }), name);

/** Asks for what changes nothing: once more when the answer was lost. */
export const read = asking(READ, true);
/** Asks for a change. A lost answer is `dropped`. */
export const change = asking(CHANGE, false);
/** Asks for a change that writes or reads a whole disk. Ends at the host when the caller gives up. */
export const work = asking(LONG, false);
