import type { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { ProviderError } from "../core/errors.js";
import { type Chunk, checkedChunks } from "./source-chunks.js";
import { openFile, probeFile } from "./source-file.js";
import { openHttp, probeHttp } from "./source-http.js";

export type { Chunk } from "./source-chunks.js";

/** By what a later run sees that the source is another one. Compare what both have. */
export interface Identity {
  readonly etag?: string;
  /** As the server sent it. */
  readonly lastModified?: string;
  readonly length?: number;
  /** Time of a local file's last change, ISO 8601 in UTC, milliseconds. */
  readonly mtime?: string;
}

/** What is known of a source before it is read. */
export interface Found {
  /** The last part of its path, decoded. */
  readonly name: string;
  /** Exact bytes; `undefined` when a server gives none. */
  readonly length: number | undefined;
  /** Bytes that are no holes of a local file, as its file system tells; `undefined` of a download. */
  readonly data?: number | undefined;
  readonly identity: Identity;
  /** The first bytes, 64 KiB unless told otherwise; all where the source is shorter. */
  readonly head: Uint8Array;
}

/** A source that is being read. Call `close` in any case. */
export interface Source extends Found {
  /** The first 1 MiB, or all where the source is shorter. */
  readonly head: Uint8Array;
  /**
   * The whole content from its start, once: pieces of at most 1 MiB, and holes for aligned 64 KiB blocks of zeros. The
   * next piece is read when it is asked for; about 4 MiB are held at a time. The bytes of a piece stay as they are until
   * the next piece or hole is asked for: whoever sends them waits until they have left, or copies them.
   *
   * After the last piece it throws, instead of ending, `invalid` when the checksum differs (property `sha256`) or a local
   * file was changed meanwhile, and `unreachable` when there were fewer or more bytes than told. Complete an upload only
   * after it has ended.
   */
  chunks(): AsyncIterable<Chunk>;
  /** Ends the download or closes the file. May be called at any time and repeatedly. */
  close(): Promise<void>;
}

/** What a kind of source gives to this file. Internal to the room. */
export interface Origin extends Omit<Found, "head"> {
  readonly pieces: AsyncGenerator<Buffer>;
  readonly unchanged?: () => Promise<void>;
  close(): Promise<void>;
}

export interface SourceOptions {
  /** Expected checksum of the bytes as they are, 64 hexadecimal digits in any case. */
  readonly sha256?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that a web server may send nothing while bytes are waited for. Default: 120 s. */
  readonly silence?: number | undefined;
}

/**
 * Opens a source of bytes: a path (relative to the working folder), a `file://` address, or an `http(s)://` address.
 *
 * HTTP: redirects are followed, but none from https to http; user and password of the address are sent as Basic login, proxy variables are not read.
 * The platform gives up after 10 s without a connection. A server that sends no length and closes the connection early
 * without chunked encoding cannot be told from one that was done, nor one that sends more than the length it told from
 * one that told it rightly: give `sha256`.
 *
 * @throws ProviderError, property `source`: `invalid` when there is no such thing or it is refused, `unreachable` or
 *   `timeout` when the server is, `failed` when the signal ended it; property `sha256`: `invalid` when it is no checksum.
 */
export async function openSource(source: string, options: SourceOptions = {}): Promise<Source> {
  const { signal, silence } = options;
  const sha256 = checksum(options.sha256);
  const place = placeOf(source);
  const origin = typeof place === "string" ? await openFile(place, signal) : await openHttp(place, { signal, silence });
  if (origin === undefined) throw missing(place);
  const { name, length, data, identity, pieces, unchanged } = origin;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= origin.close();
    return closed;
  };
  const first = await pieces.next().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  // A copy: the memory of a piece is used again.
  const head = first.done ? new Uint8Array() : Uint8Array.from(first.value);
  let taken = false;
  return {
    name,
    length,
    data,
    identity,
    head,
    chunks: () => {
      if (taken) throw new ProviderError("bug", "a source was read twice");
      taken = true;
      return checkedChunks(joined(first, pieces), { length, sha256, unchanged });
    },
    close,
  };
}

/** What is at a source, for a preview: reads the first bytes only. `undefined` when there is nothing. Throws as `openSource`. */
export async function probe(
  source: string,
  { bytes = 64 * 1024, ...options }: Omit<SourceOptions, "sha256"> & { readonly bytes?: number } = {},
): Promise<Found | undefined> {
  const place = placeOf(source);
  return typeof place === "string" ? probeFile(place, bytes) : probeHttp(place, bytes, options);
}

async function* joined(first: IteratorResult<Buffer>, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

/** There is no such file, or the server knows nothing there. */
export const missing = (place: string | URL): ProviderError =>
  new ProviderError(
    "invalid",
    `there is nothing at ${typeof place === "string" ? place : place.origin + place.pathname}`,
    {
      where: { property: "source" },
      hint: "Check the path or the address.",
    },
  );

/** A path, or an address for HTTP. One letter before the colon is a drive of Windows. */
export function placeOf(source: string): string | URL {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(source)?.[1]?.toLowerCase();
  if (scheme === undefined && source !== "") return source;
  if (URL.canParse(source)) {
    const url = new URL(source);
    if (scheme === "http" || scheme === "https") return url;
    // A host name or an encoded slash in a file address is refused by the platform.
    if (scheme === "file" && url.host === "" && !/%2f/i.test(url.pathname)) return fileURLToPath(url);
  }
  throw new ProviderError("invalid", "the source is neither a path nor an address that can be read", {
    where: { property: "source" },
    hint: "Use a path, or an address that starts with file:///, http:// or https://.",
  });
}

/** The checksum in the form in which it is compared. */
export function checksum(text: string | undefined): string | undefined {
  if (text === undefined || /^[0-9a-f]{64}$/i.test(text)) return text?.toLowerCase();
  throw new ProviderError("invalid", "the value is not a SHA-256 checksum", {
    where: { property: "sha256" },
    hint: "Give its 64 hexadecimal digits.",
  });
}
