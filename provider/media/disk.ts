import type { Buffer } from "node:buffer";
import { type Chunk, checkedChunks, type Expected, runs } from "./source-chunks.js";
import { cancelled, type LocalFile, pieces, ring } from "./source-file.js";

/** A stretch of a disk, in bytes. */
export interface Part {
  readonly offset: number;
  readonly length: number;
}

/** The disk in an image as its guest sees it, read at any place. */
export interface Disk {
  /** Bytes. */
  readonly size: number;
  /** Where something else than zeros may be, in order. What lies between is zeros for certain. */
  parts(): AsyncIterable<Part>;
  /**
   * The bytes from one place to before another, as `Source.chunks` gives them: pieces of at most 1 MiB and holes. The
   * bytes of a piece stay as they are until the next piece or hole is asked for, also one of a later call.
   */
  read(from: number, to: number): AsyncIterable<Chunk>;
}

/**
 * A raw image. Its `parts` read all of it, since no table says where its zeros are, and fail like `checkedChunks` when
 * length or checksum are not as expected.
 */
export function rawDisk(file: LocalFile, expected: Expected, signal?: AbortSignal): Disk {
  const next = ring();
  return {
    size: file.length,
    async *parts() {
      let offset = 0;
      for await (const chunk of checkedChunks(pieces(file, signal), expected)) {
        if (chunk instanceof Uint8Array) yield { offset, length: chunk.length };
        offset += chunk instanceof Uint8Array ? chunk.length : chunk.hole;
      }
    },
    async *read(from, to) {
      for (let at = from; at < to; ) {
        if (signal?.aborted) throw cancelled(signal);
        const memory = next();
        const piece = memory.subarray(0, Math.min(memory.length, to - at));
        const read = await file.read(piece, at);
        // A file that has become shorter: `unchanged` says it at the end.
        piece.fill(0, read);
        yield* chunks(piece);
        at += piece.length;
      }
    },
  };
}

/** A piece as chunks: its blocks of zeros become holes. */
export function* chunks(piece: Buffer): Generator<Chunk> {
  for (const run of runs(piece)) yield typeof run === "number" ? { hole: run } : run;
}
