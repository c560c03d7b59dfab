import type { Duplex } from "node:stream";
import { type Code, ProviderError } from "../core/errors.js";
import { untilAborted } from "./abort.js";
import { type Answer, LIMITS, Packet, Packets } from "./sftp-packets.js";

/** Bytes of one write: what every server takes (draft-ietf-secsh-filexfer-02, section 3). */
const PIECE = 32 * 1024;
/** The most that is sent at once to a server that takes as much: fewer packets cost less on both sides (measured). */
const LARGE_PIECE = 252 * 1024;
/** Bytes without an answer at a time: the window that OpenSSH gives a channel. */
const IN_FLIGHT = 2 * 1024 * 1024;

/** Bytes, or a number of bytes that are zero and need not be sent. */
export type Part = Uint8Array | { readonly hole: number };

export interface PutOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes that the host has, holes included. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** A file transfer connection: version 3 of the SFTP protocol over the stream of the subsystem `sftp`. */
export class Sftp {
  private readonly waiting = new Map<number, (answer: Answer | ProviderError) => void>();
  private readonly packets = new Packets();
  private next = 0;
  private over: ProviderError | undefined;
  private piece = PIECE;

  private constructor(private readonly stream: Duplex) {
    stream.on("data", (chunk: Buffer) => this.read(chunk));
    stream.once("end", () => this.end(undefined));
    stream.once("close", () => this.end(stream.errored ?? undefined));
  }

  /** Throws what the stream failed with, or `unsupported` when the other end does not speak SFTP. */
  static async open(stream: Duplex): Promise<Sftp> {
    const sftp = new Sftp(stream);
    const version = await sftp.ask(() => Packet.init());
    if (version.type === "version") {
      if (version.extensions.includes(LIMITS)) await sftp.measure();
      return sftp;
    }
    sftp.close();
    throw notSftp();
  }

  private async measure(): Promise<void> {
    const answer = await this.ask((id) => Packet.limits(id));
    // None is told as 0.
    if (answer.type !== "limits" || answer.write === 0) return;
    this.piece = Math.max(PIECE, Math.min(LARGE_PIECE, answer.write));
  }

  /**
   * Writes a file from its start, in place of what it held: many writes are in flight at a time, holes are skipped, and
   * the host fills them with zeros. `path` is as the server spells it. Returns its size. After an error the file holds a
   * part.
   */
  async put(path: string, parts: AsyncIterable<Part>, { signal, onProgress }: PutOptions = {}): Promise<number> {
    const opened = await this.ask((id) => Packet.create(id, path));
    if (opened.type !== "handle") throw refused(opened, `writing ${path}`);
    const writes = new Writes(this.piece, async (offset, data) => {
      const answer = await this.ask((id) => Packet.write(id, opened.handle, offset, data));
      if (!isOk(answer)) throw refused(answer, `writing ${path}`);
    });
    try {
      const size = await writes.all(parts, { signal, onProgress });
      const closed = await this.ask((id) => Packet.close(id, opened.handle));
      if (!isOk(closed)) throw refused(closed, `closing ${path}`);
      return size;
    } catch (error) {
      this.ask((id) => Packet.close(id, opened.handle)).catch(() => {});
      throw error;
    }
  }

  close(): void {
    this.stream.destroy();
  }

  private ask(packet: (id: number) => Buffer): Promise<Answer> {
    if (this.over !== undefined) return Promise.reject(this.over);
    const id = this.next;
    this.next = (id + 1) >>> 0;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, (answer) => (answer instanceof ProviderError ? reject(answer) : resolve(answer)));
      this.stream.write(packet(id));
    });
  }

  private read(chunk: Buffer): void {
    try {
      for (const answer of this.packets.add(chunk)) {
        const done = this.waiting.get(answer.id);
        this.waiting.delete(answer.id);
        done?.(answer);
      }
    } catch {
      this.end(notSftp());
      this.stream.destroy();
    }
  }

  private end(cause: Error | undefined): void {
    this.over ??=
      cause instanceof ProviderError
        ? cause
        : new ProviderError("dropped", "the file transfer was closed by the host", { cause });
    for (const done of this.waiting.values()) done(this.over);
    this.waiting.clear();
  }
}

/** Writes in flight, at most `IN_FLIGHT` bytes; the first that fails ends the rest. */
class Writes {
  private readonly running = new Set<Promise<void>>();
  private failed: unknown;
  private done = 0;

  constructor(
    private readonly piece: number,
    private readonly write: (offset: number, data: Uint8Array) => Promise<void>,
  ) {}

  async all(parts: AsyncIterable<Part>, { signal, onProgress }: PutOptions): Promise<number> {
    let offset = 0;
    let end = 0;
    for await (const part of parts) {
      if (!(part instanceof Uint8Array)) {
        offset += part.hole;
        this.done += part.hole;
        continue;
      }
      for (let at = 0; at < part.length; at += this.piece) {
        await this.start(offset + at, part.subarray(at, at + this.piece), { signal, onProgress });
      }
      offset += part.length;
      end = offset;
    }
    // A file ends with what is written last: a hole at its end needs a byte.
    if (offset > end) await this.start(offset - 1, new Uint8Array(1), { signal });
    await untilAborted(Promise.all(this.running), "the upload", signal);
    if (this.failed !== undefined) throw this.failed;
    return offset;
  }

  private async start(offset: number, data: Uint8Array, { signal, onProgress }: PutOptions): Promise<void> {
    const place = (this.running.size + 1) * this.piece <= IN_FLIGHT ? Promise.resolve() : Promise.race(this.running);
    await untilAborted(place, "the upload", signal);
    if (this.failed !== undefined) throw this.failed;
    const running: Promise<void> = this.write(offset, data)
      .then(
        () => {
          this.done += data.length;
          onProgress?.(this.done);
        },
        (error: unknown) => {
          this.failed ??= error;
        },
      )
      .finally(() => this.running.delete(running));
    this.running.add(running);
  }
}

const isOk = (answer: Answer): boolean => answer.type === "status" && answer.code === 0;

/** Codes of the draft, section 7. Servers on Windows answer most failures with 4, a full disk among them. */
const CODES: ReadonlyMap<number, Code> = new Map<number, Code>([
  [2, "not-found"],
  [3, "denied"],
  [8, "unsupported"],
]);

function refused(answer: Answer, what: string): ProviderError {
  if (answer.type !== "status") return notSftp();
  const said = answer.message === "" ? `status ${answer.code}` : answer.message;
  return new ProviderError(CODES.get(answer.code) ?? "failed", `${what} failed (${said})`, {
    hint: "Check that the folder exists, that the login may write there, and that the disk has room.",
  });
}

const notSftp = (): ProviderError =>
  new ProviderError("unsupported", "the subsystem sftp of the SSH server does not speak SFTP", {
    hint: "Something else answers, perhaps text that the login prints: keep profiles of the shell quiet.",
  });
