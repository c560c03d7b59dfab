import { Buffer } from "node:buffer";
import type { BigIntStats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { ProviderError } from "../core/errors.js";
import type { Found, Origin } from "./source.js";
import { ahead, PIECE } from "./source-chunks.js";

/** A regular file that is read at any place. Call `close` in any case. */
export interface LocalFile extends Omit<Found, "head"> {
  readonly length: number;
  /** Fills `into` from this place, and answers with the bytes that were there: fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** @throws ProviderError `invalid` when the file was written to since it was opened. */
  unchanged(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a regular file for reading at any place; `undefined` when there is none. */
export async function openLocal(path: string): Promise<LocalFile | undefined> {
  // Before it is opened: to open a named pipe would wait for its writer.
  const before = await examined(path);
  if (before === undefined) return undefined;
  const handle = await open(resolve(path)).catch((error: unknown) => Promise.reject(unreadable(path, error)));
  const start = await handle.stat({ bigint: true });
  return {
    ...described(path, start),
    read: (into, position) =>
      filled(handle, into, position).catch((error: unknown) => Promise.reject(unreadable(path, error))),
    unchanged: async () => {
      const end = await handle.stat({ bigint: true });
      if (end.size !== start.size || end.mtimeNs !== start.mtimeNs) {
        throw new ProviderError("invalid", `the file ${path} was changed while it was read`, {
          where: { property: "source" },
          hint: "Run it again when nothing writes to the file.",
        });
      }
    },
    close: () => handle.close(),
  };
}

/** Reads until the memory is full or the file ends, since one read may give less than there is. */
export async function filled(handle: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let read = 0;
  while (read < into.length) {
    const { bytesRead } = await handle.read(into, read, into.length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return read;
}

/** Opens a regular file to be read from its start; `undefined` when there is none. */
export async function openFile(path: string, signal: AbortSignal | undefined): Promise<Origin | undefined> {
  const file = await openLocal(path);
  return file && { ...file, pieces: ahead(pieces(file, signal)) };
}

/** What can be known of a file without reading more than its first bytes; `undefined` when there is none. */
export async function probeFile(path: string, bytes: number): Promise<Found | undefined> {
  const stats = await examined(path);
  if (stats === undefined) return undefined;
  const handle = await open(resolve(path)).catch((error: unknown) => Promise.reject(unreadable(path, error)));
  try {
    const head = Buffer.alloc(bytes);
    const { bytesRead } = await handle.read(head, 0, bytes, 0);
    return { ...described(path, stats), head: head.subarray(0, bytesRead) };
  } finally {
    await handle.close();
  }
}

async function examined(path: string): Promise<BigIntStats | undefined> {
  const stats = await stat(resolve(path), { bigint: true }).catch((error: unknown) => {
    if (code(error) === "ENOENT" || code(error) === "ENOTDIR") return undefined;
    throw unreadable(path, error);
  });
  if (stats !== undefined && !stats.isFile()) {
    throw new ProviderError("invalid", `${path} is not a regular file`, {
      where: { property: "source" },
      hint: "Give the path of an image file.",
    });
  }
  return stats;
}

/** Unit of `blocks` of Node's `Stats`, in bytes, whatever the file system's own is. */
const BLOCK = 512;

const described = (path: string, stats: BigIntStats) => ({
  name: basename(path),
  length: Number(stats.size),
  data: Math.min(Number(stats.size), Number(stats.blocks) * BLOCK),
  identity: { length: Number(stats.size), mtime: new Date(Number(stats.mtimeMs)).toISOString() },
});

/**
 * Pieces that are kept apart: one is with the receiver, one is ready for it, one is being read, and one is to spare.
 * Their memory is used again and again, since new memory for each piece took longer than anything else: measured over a
 * unix socket, 240 MB/s with it and 560 MB/s without.
 */
const RING = 4;

/** The file from its start in pieces of `PIECE`. */
export async function* pieces(file: LocalFile, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const next = ring();
  for (let position = 0; ; position += PIECE) {
    if (signal?.aborted) throw cancelled(signal);
    const buffer = next();
    const read = await file.read(buffer, position);
    if (read > 0) yield buffer.subarray(0, read);
    if (read < PIECE) return;
  }
}

/** Memory for one piece after the other; the fourth call after one gives the same memory again. */
export function ring(): () => Buffer {
  const buffers: Buffer[] = [];
  let number = 0;
  return () => {
    const at = number++ % RING;
    const buffer = buffers[at] ?? Buffer.allocUnsafeSlow(PIECE);
    buffers[at] = buffer;
    return buffer;
  };
}

/** The caller's signal ended the reading. */
export const cancelled = (signal: AbortSignal): ProviderError =>
  new ProviderError("failed", "the reading of the source was cancelled", {
    where: { property: "source" },
    cause: signal.reason,
  });

const code = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

const unreadable = (path: string, error: unknown): ProviderError =>
  new ProviderError("invalid", `the file ${path} cannot be read (${String(code(error) ?? "unknown cause")})`, {
    where: { property: "source" },
    hint: "Look at its permissions and at the disk it lies on.",
    cause: error,
  });
