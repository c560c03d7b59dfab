import { ProviderError } from "../../../core/errors.js";
import type { Chunk, ReceivedChunk, ServerStream } from "./streams.js";

/** What an upload sent, in bytes. `total` is where it ended: compare it with what was meant to be sent. */
export interface Sent {
  readonly data: number;
  readonly holes: number;
  readonly total: number;
}

/** Sends all of `source`. Whatever goes wrong: the source is closed, and the daemon's end of the stream as well. */
export async function sendAll(stream: ServerStream, source: AsyncIterable<Chunk>, sparse: boolean): Promise<Sent> {
  const iterator = source[Symbol.asyncIterator]();
  let data = 0;
  let holes = 0;
  try {
    for (;;) {
      const { done, value } = await stream.during(iterator.next());
      if (done) break;
      if (value instanceof Uint8Array) {
        await stream.send(value);
        data += value.length;
      } else {
        if (!sparse) throw new ProviderError("bug", "a hole in a stream that is not sparse");
        const hole = Number(value.hole);
        if (!Number.isSafeInteger(hole) || hole < 0) throw new ProviderError("bug", `a hole of ${hole} bytes`);
        await stream.skip(hole);
        holes += hole;
      }
    }
    await stream.finish();
    return { data, holes, total: data + holes };
  } catch (error) {
    // Not waited for: a source that hangs would never let go of the host.
    iterator.return?.().catch(() => {});
    await stream.abort();
    throw error;
  }
}

/** Hands out all that the daemon sends. A consumer that stops early ends the daemon's end too. */
export async function* receiveAll(stream: ServerStream): AsyncGenerator<ReceivedChunk, void, undefined> {
  let complete = false;
  try {
    for (;;) {
      const chunk = await stream.next();
      if (chunk === undefined) break;
      yield chunk;
    }
    await stream.finish();
    complete = true;
  } finally {
    if (!complete) await stream.abort();
  }
}
