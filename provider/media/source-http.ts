import { Buffer } from "node:buffer";
import { ProviderError } from "../core/errors.js";
import type { Found, Identity, Origin, SourceOptions } from "./source.js";
import { ended, PIECE } from "./source-chunks.js";
import { cancelled } from "./source-file.js";

type Body = ReadableStreamDefaultReader<Uint8Array>;
type Options = Pick<SourceOptions, "signal" | "silence">;

/** Milliseconds without a byte after which a download is given up. A server that fetches the file itself may need a while. */
const SILENCE = 120_000;

/** What the platform says of redirects that it does not follow (undici 6 and 7), and what we say. */
const REDIRECTS: ReadonlyMap<string, string> = new Map([
  ["redirect count exceeded", "redirects without an end"],
  ["URL scheme must be a HTTP(S) scheme", "redirects to an address that is not of a web server"],
]);

/** Starts a download; `undefined` when the server says that there is nothing (404, 410). */
export async function openHttp(url: URL, options: Options): Promise<Origin | undefined> {
  const call = new Call(url, options);
  const response = await call.get();
  if (response === undefined) return undefined;
  const length = contentLength(response.headers);
  const body = response.body?.getReader();
  return {
    name: nameOf(url),
    length,
    identity: identityOf(response.headers, length),
    pieces: pieces(call, body, length),
    close: async () => call.end(),
  };
}

/**
 * The first bytes of a download and what the headers tell; `undefined` when there is nothing.
 *
 * One GET with a range, no HEAD: signed addresses allow GET only. A server without ranges answers with everything, then
 * the rest is not read.
 */
export async function probeHttp(url: URL, bytes: number, options: Options): Promise<Found | undefined> {
  const call = new Call(url, options);
  try {
    const response = await call.get(bytes);
    if (response === undefined) return undefined;
    const { headers, status } = response;
    // 416: the range starts behind the end, so the file is empty.
    const total = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
    const length = status === 200 ? contentLength(headers) : total === undefined ? undefined : Number(total);
    const parts: Uint8Array[] = [];
    let read = 0;
    const body = status === 416 ? undefined : response.body?.getReader();
    while (body !== undefined && read < bytes) {
      const { done, value } = await call.read(body);
      if (done) break;
      parts.push(value);
      read += value.length;
    }
    return {
      name: nameOf(url),
      length,
      identity: identityOf(headers, length),
      head: Buffer.concat(parts).subarray(0, bytes),
    };
  } finally {
    call.end();
  }
}

async function* pieces(call: Call, body: Body | undefined, length: number | undefined): AsyncGenerator<Buffer> {
  let total = 0;
  let buffer = Buffer.allocUnsafeSlow(PIECE);
  let filled = 0;
  while (body !== undefined) {
    const { done, value } = await call.read(body, (cause) => length !== undefined && ended(total, length, cause));
    if (done) break;
    total += value.length;
    for (let from = 0; from < value.length; ) {
      const part = value.subarray(from, from + PIECE - filled);
      buffer.set(part, filled);
      filled += part.length;
      from += part.length;
      if (filled < PIECE) continue;
      yield buffer;
      buffer = Buffer.allocUnsafeSlow(PIECE);
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

/** One request, its end, and the words for what goes wrong with it. */
class Call {
  private readonly own = new AbortController();
  private readonly signal: AbortSignal;
  private readonly shown: string;
  private readonly outer: AbortSignal | undefined;
  private readonly silence: number;
  private silent = false;

  constructor(
    private readonly url: URL,
    { signal, silence = SILENCE }: Options,
  ) {
    this.outer = signal;
    this.silence = silence;
    this.signal = signal === undefined ? this.own.signal : AbortSignal.any([signal, this.own.signal]);
    // Without user, password and query: they may be secrets.
    this.shown = url.origin + url.pathname;
  }

  end(): void {
    this.own.abort();
  }

  /** Ends the request when the server lets us wait too long. While nobody waits for bytes, no time is counted. */
  private async awaited<T>(answer: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.silent = true;
      this.own.abort();
    }, this.silence);
    return answer.finally(() => clearTimeout(timer));
  }

  async get(firstBytes?: number): Promise<Response | undefined> {
    const target = new URL(this.url);
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (firstBytes !== undefined) headers["range"] = `bytes=0-${firstBytes - 1}`;
    if (target.username !== "" || target.password !== "") {
      // fetch refuses an address with a password in it, and its refusal repeats the password.
      const pair = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
      headers["authorization"] = `Basic ${Buffer.from(pair).toString("base64")}`;
      target.username = "";
      target.password = "";
    }
    const response = await this.awaited(fetch(target, { headers, signal: this.signal })).catch((error: unknown) => {
      throw this.broken(error);
    });
    const { status } = response;
    if (target.protocol === "https:" && response.url.startsWith("http:")) {
      this.end();
      throw new ProviderError("invalid", `${this.shown} redirects to an address without encryption`, {
        where: { property: "source" },
        hint: "Whoever is on the way could exchange the image: give an https address that has it, or the http one itself with its sha256.",
      });
    }
    const empty = status === 416 && firstBytes !== undefined;
    if (status === 404 || status === 410) {
      this.end();
      return undefined;
    }
    if (!response.ok && !empty) {
      this.end();
      throw this.refused(status);
    }
    const encoding = response.headers.get("content-encoding") ?? "identity";
    if (encoding !== "identity") {
      this.end();
      throw new ProviderError("invalid", `${this.shown} is sent with the content encoding ${encoding}`, {
        where: { property: "source" },
        hint: "Have the server send the file as it is, or download and unpack it first.",
      });
    }
    return response;
  }

  async read(body: Body, known?: (cause: unknown) => ProviderError | false) {
    try {
      return await this.awaited(body.read());
    } catch (error) {
      throw (!this.signal.aborted && known?.(error)) || this.broken(error);
    }
  }

  private refused(status: number): ProviderError {
    const temporary = status >= 500 || status === 429 || status === 408;
    const login = status === 401 || status === 403;
    return new ProviderError(temporary ? "unreachable" : "invalid", `${this.shown} answered with status ${status}`, {
      where: { property: "source" },
      hint: temporary
        ? "Try again later."
        : login
          ? "Give an address that may be read from here without further login."
          : "Check the address.",
    });
  }

  private broken(error: unknown): ProviderError {
    if (this.outer?.aborted) return cancelled(this.outer);
    if (this.silent) {
      return new ProviderError("timeout", `${this.shown} sent nothing for ${this.silence / 1000} s`, {
        where: { property: "source" },
        hint: "Try again; if it happens again, look at the server, or download the file and give its path.",
      });
    }
    const cause = error instanceof Error ? error.cause : undefined;
    const redirects = cause instanceof Error ? REDIRECTS.get(cause.message) : undefined;
    if (redirects !== undefined) {
      return new ProviderError("invalid", `${this.shown} ${redirects}`, {
        where: { property: "source" },
        hint: "Give the address at which the file itself is.",
      });
    }
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "connection lost";
    const slow = code.includes("TIMEOUT");
    return new ProviderError(slow ? "timeout" : "unreachable", `${this.shown} cannot be read (${code})`, {
      where: { property: "source" },
      hint: "Check that this machine reaches the server, or download the file and give its path.",
      // Only the inner cause: the outer message may repeat the whole address.
      cause,
    });
  }
}

function contentLength(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

function identityOf(headers: Headers, length: number | undefined): Identity {
  const etag = headers.get("etag");
  const lastModified = headers.get("last-modified");
  return {
    ...(etag !== null && { etag }),
    ...(lastModified !== null && { lastModified }),
    ...(length !== undefined && { length }),
  };
}

function nameOf(url: URL): string {
  const last = url.pathname.split("/").findLast((part) => part !== "");
  try {
    return decodeURIComponent(last ?? url.hostname);
  } catch {
    return last ?? url.hostname;
  }
}
