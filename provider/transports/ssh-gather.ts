import type { Writable } from "node:stream";

/**
 * Makes a stream write at once, in order, all that is given to it in one turn of the event loop. ssh2 hands each packet
 * to its socket in three pieces (`lib/protocol/crypto.js`: length, content, tag); without Nagle's algorithm each would be
 * a system call and a segment of its own, for which the other side wakes up.
 */
export function gather(stream: Writable): void {
  const write = stream.write.bind(stream) as (...words: readonly unknown[]) => boolean;
  stream.write = (...words: readonly unknown[]): boolean => {
    if (stream.writableCorked === 0) {
      stream.cork();
      process.nextTick(() => stream.uncork());
    }
    return write(...words);
  };
}
