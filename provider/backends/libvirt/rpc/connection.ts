import type { Duplex } from "node:stream";
import { ProviderError } from "../../../core/errors.js";
import { LibvirtError, toProviderError } from "./errors.js";
import { Stream } from "./flags.js";
import { startKeepalive } from "./keepalive.js";
import { limit, type Patience } from "./limit.js";
import { bodyOf, Link } from "./link.js";
import { type Handler, Listeners } from "./listeners.js";
import { cancelled, dropped, givenUp, unreachable } from "./lost.js";
import { connect } from "./procedures/connect.js";
import type { EventKind } from "./procedures/event.js";
import type { Procedure } from "./procedures/procedure.js";
import { Slots } from "./slots.js";
import { type Chunk, type ReceivedChunk, ServerStream } from "./streams.js";
import { receiveAll, type Sent, sendAll } from "./transfer.js";
import { type DomainRef, errorBody, type NetworkRef, type PoolRef, type SecretRef } from "./types.js";
import { type Header, MessageType, Program, Status } from "./wire.js";
import { XdrError, XdrReader, XdrWriter } from "./xdr.js";

/** Unfinished calls of one connection: the daemon stops reading at the fifth (`max_client_requests`). */
export const CALLS_MAX = 4;
/** Places of those that slow calls may take, so that quick ones never wait behind starts. */
export const SLOW_MAX = 2;

/** Milliseconds for a registration or the end of one. */
const REGISTRATION = 30_000;

export interface ConnectionOptions {
  /** Milliseconds of silence after which the daemon is pinged; after `keepaliveCount` (default 5) of them without any byte the connection is lost. Default: never. */
  readonly keepaliveMs?: number | undefined;
  readonly keepaliveCount?: number | undefined;
  /** Milliseconds for which a transfer may stand still before the connection is given up. Default: for ever. */
  readonly stallMs?: number | undefined;
  /** Counts the calls that were sent, by the procedure's name. Several connections may share one. */
  readonly counts?: Map<string, number> | undefined;
  /** Called once when the connection ends, whatever the reason. */
  readonly onLost?: ((error: Error) => void) | undefined;
  /** Told of bytes behind a reply that the table does not know: a newer daemon, or a mistake in the table. */
  readonly onTrailing?: ((procedure: string, bytes: number) => void) | undefined;
}

/** The one object whose events are wanted. */
export type Target = DomainRef | NetworkRef | PoolRef | SecretRef;

interface Pending {
  /** Takes the reply; the connection is lost when it is `undefined`. */
  settle(reply: { status: number; body: Buffer } | Error): void;
}

interface StartOptions<R> extends Patience {
  /** Opens a stream: `serial` is its address. */
  readonly opens?: (serial: number) => ServerStream;
  /** Runs before anything else that arrived with the reply is looked at. */
  readonly accept?: (reply: R) => void;
}

interface OpenStream {
  readonly stream: ServerStream;
  /** To be called when nobody uses the stream any more. */
  readonly end: () => void;
}

/** One connection to a libvirt daemon. Everything it throws is a `ProviderError`. */
export class Connection {
  /** Calls sent, by the procedure's name. */
  readonly counts: Map<string, number>;
  private readonly link: Link;
  private readonly slots = new Slots(CALLS_MAX);
  private readonly lane = new Slots(SLOW_MAX);
  private readonly pending = new Map<number, Pending>();
  private readonly streams = new Map<number, ServerStream>();
  private readonly listeners = new Listeners();
  private serial = 0;
  private abandoned = 0;

  /** Speaks at once over `duplex`, which it owns from now on. Use `Connection.open` for one that can be used. */
  constructor(
    duplex: Duplex,
    private readonly options: ConnectionOptions = {},
  ) {
    this.counts = options.counts ?? new Map();
    this.link = new Link(duplex, {
      message: (header, frame) => this.message(header, frame),
      lost: (error) => this.lost(error),
    });
    const { keepaliveMs, keepaliveCount } = options;
    if (keepaliveMs !== undefined) {
      const busy = { full: () => this.slots.free === 0, streams: () => this.streams.size > 0 };
      startKeepalive(this.link, { keepaliveMs, keepaliveCount }, busy);
    }
  }

  /**
   * Authenticates and opens the driver of `uri`. Flag 1 is read-only. SASL is refused with a hint; polkit decides on
   * the daemon's side by the user of the connection.
   */
  static async open(
    duplex: Duplex,
    uri: string,
    options: ConnectionOptions & { flags?: number } = {},
    patience: Patience = {},
  ): Promise<Connection> {
    const connection = new Connection(duplex, options);
    try {
      const kinds = await connection.call(connect.authList, undefined, patience);
      if (kinds.includes(2)) await connection.call(connect.authPolkit, undefined, patience);
      else if (kinds.length > 0 && !kinds.includes(0)) throw saslOnly();
      await connection.call(connect.open, { name: uri, flags: options.flags ?? 0 }, patience);
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** Why the connection cannot be used any more, or `undefined` while it can. */
  get error(): Error | undefined {
    return this.link.error;
  }

  /** Whether every place is held by a call that its caller gave up: nothing more can be sent. */
  get stuck(): boolean {
    return this.abandoned >= CALLS_MAX;
  }

  /**
   * Calls one procedure. Rejects with `dropped` when the connection was lost after sending, with `unreachable` when
   * before, with `timeout` when the time is over; a call that was given up keeps its place until its answer arrives.
   */
  async call<A, R>(procedure: Procedure<A, R>, args: NoInfer<A>, options: Patience = {}): Promise<R> {
    return await this.start(procedure, args, options);
  }

  /**
   * Opens an upload and sends `source`, with back-pressure; `flags` must have the sparse bit when there are holes. The
   * daemon does not notice a source that is too short: compare the returned `total`.
   * What the source throws is thrown unchanged, after the daemon was told. A chunk's bytes may be changed as soon as the next one is asked for. `timeoutMs` holds for the opening call only.
   */
  async upload<A extends { readonly flags?: number | undefined }>(
    procedure: Procedure<A, unknown>,
    args: NoInfer<A>,
    source: AsyncIterable<Chunk>,
    options: Patience = {},
  ): Promise<Sent> {
    const { stream, end } = await this.openStream(procedure, args, options);
    try {
      return await sendAll(stream, source, ((args.flags ?? 0) & Stream.sparse) !== 0);
    } finally {
      end();
    }
  }

  /**
   * Opens a download and hands its pieces out. While about 4 MiB wait for the consumer nothing is read from the
   * connection, other answers included: use a connection of its own. `timeoutMs` holds for the opening call only.
   */
  async *download<A>(
    procedure: Procedure<A, unknown>,
    args: NoInfer<A>,
    options: Patience = {},
  ): AsyncGenerator<ReceivedChunk, void, undefined> {
    const { stream, end } = await this.openStream(procedure, args, options);
    try {
      yield* receiveAll(stream);
    } finally {
      end();
    }
  }

  /** Subscribes to one kind of event, of `target` only when given. Returns the way to end it, which never rejects because the connection is gone. */
  async on<T>(kind: EventKind<T>, handler: Handler<T>, target?: Target): Promise<() => Promise<void>> {
    let callbackId = -1;
    this.listeners.expect();
    try {
      const args = { id: kind.id, target };
      const accept = (id: number): void => {
        callbackId = id;
        this.listeners.add(kind, id, handler);
      };
      await this.start(kind.register, args, { accept, timeoutMs: REGISTRATION });
    } finally {
      this.listeners.settle();
    }
    return async () => {
      if (!this.listeners.remove(kind as EventKind<unknown>, callbackId) || this.error !== undefined) return;
      await this.call(kind.deregister, { callbackId }, { timeoutMs: REGISTRATION }).catch(ignoreLost);
    };
  }

  /** Says goodbye and ends. An answer that does not come within 2 s is not needed; unfinished calls are `dropped`. */
  async close(): Promise<void> {
    if (this.error === undefined) {
      await this.call(connect.close, undefined, { timeoutMs: 2000 }).catch(ignoreLost);
    }
    this.destroy();
  }

  /** Ends at once. */
  destroy(): void {
    this.link.fail(new Error("closed by this side"));
  }

  private async start<A, R>(procedure: Procedure<A, R>, args: A, options: StartOptions<R>): Promise<R> {
    const body = encode(procedure, args);
    const { signal, done } = limit(options);
    try {
      const release = await this.place(procedure, signal);
      return await new Promise<R>((resolve, reject) => {
        const serial = this.nextSerial();
        const stream = options.opens?.(serial);
        if (stream !== undefined) this.streams.set(serial, stream);
        let givenUpOn = false;
        const giveUp = (): void => {
          givenUpOn = true;
          this.abandoned++;
          reject(givenUp(procedure.name, signal?.reason, true));
        };
        const settle: Pending["settle"] = (reply) => {
          signal?.removeEventListener("abort", giveUp);
          if (givenUpOn) this.abandoned--;
          release();
          try {
            const value = this.open(procedure, reply);
            options.accept?.(value);
            resolve(value);
            if (givenUpOn) void stream?.abort().then(() => this.streams.delete(serial));
          } catch (error) {
            this.streams.delete(serial);
            reject(toProviderError(error));
          }
        };
        signal?.addEventListener("abort", giveUp, { once: true });
        this.pending.set(serial, { settle });
        this.counts.set(procedure.name, (this.counts.get(procedure.name) ?? 0) + 1);
        this.link.send({ ...addressOf(procedure, serial), type: MessageType.call, status: Status.ok }, body);
      });
    } finally {
      done();
    }
  }

  /** Waits for a place among the unfinished calls; returns the way to give it back. */
  private async place(procedure: Procedure<unknown, unknown>, signal: AbortSignal | undefined): Promise<() => void> {
    const taken: Slots[] = [];
    const release = (): void => {
      for (const slots of taken) slots.release();
    };
    try {
      for (const slots of procedure.slow ? [this.lane, this.slots] : [this.slots]) {
        if (this.error !== undefined) throw unreachable(procedure.name, this.error);
        await slots.acquire(signal);
        taken.push(slots);
      }
      if (this.error !== undefined) throw unreachable(procedure.name, this.error);
      signal?.throwIfAborted();
      return release;
    } catch (error) {
      release();
      throw error instanceof ProviderError ? error : givenUp(procedure.name, error, false);
    }
  }

  private async openStream<A>(procedure: Procedure<A, unknown>, args: A, patience: Patience): Promise<OpenStream> {
    const opened: { stream: ServerStream; serial: number }[] = [];
    const opens = (serial: number): ServerStream => {
      const stream = new ServerStream(this.link, addressOf(procedure, serial), procedure.name, this.options.stallMs);
      opened.push({ stream, serial });
      return stream;
    };
    await this.start(procedure, args, { ...patience, opens });
    const [one] = opened;
    if (one === undefined) throw new ProviderError("bug", `${procedure.name} opened no stream`);
    const { signal } = patience;
    const interrupt = (): void => one.stream.interrupt(cancelled(procedure.name, signal?.reason));
    if (signal?.aborted) interrupt();
    signal?.addEventListener("abort", interrupt, { once: true });
    const end = (): void => {
      signal?.removeEventListener("abort", interrupt);
      this.streams.delete(one.serial);
    };
    return { stream: one.stream, end };
  }

  /** The value of a reply. Throws what the daemon refused with, or `dropped`. */
  private open<R>(procedure: Procedure<unknown, R>, reply: Parameters<Pending["settle"]>[0]): R {
    if (reply instanceof Error) throw dropped(procedure.name, reply);
    const reader = new XdrReader(reply.body);
    if (reply.status === Status.error) throw new LibvirtError(errorBody.read(reader));
    const value = procedure.reply.read(reader);
    if (reader.remaining > 0) this.options.onTrailing?.(procedure.name, reader.remaining);
    return value;
  }

  private message(header: Header, frame: Buffer): void {
    const { type, serial, status, program, procedure } = header;
    try {
      if (type === MessageType.reply) {
        const pending = this.pending.get(serial);
        this.pending.delete(serial);
        pending?.settle({ status, body: bodyOf(frame) });
      } else if (type === MessageType.stream || type === MessageType.hole) {
        this.streams.get(serial)?.receive(header, frame);
      } else if (type === MessageType.event && program === Program.remote) {
        this.listeners.deliver(procedure, bodyOf(frame));
      }
    } catch (error) {
      this.link.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private lost(error: Error): void {
    const gone = unreachable("the call was sent", error);
    this.lane.clear(gone);
    this.slots.clear(gone);
    for (const stream of this.streams.values()) stream.lose(error);
    const pending = [...this.pending.values()];
    this.pending.clear();
    for (const one of pending) one.settle(error);
    this.options.onLost?.(error);
  }

  private nextSerial(): number {
    this.serial = this.serial >= 0xffff_ffff ? 1 : this.serial + 1;
    return this.serial;
  }
}

const addressOf = ({ program, number }: Procedure<unknown, unknown>, serial: number) => ({
  program,
  procedure: number,
  serial,
});

/** The arguments in wire form. Encoded before a place is taken: a value that does not fit costs nothing. */
function encode<A>({ name, args: codec }: Procedure<A, unknown>, args: A): Buffer {
  const writer = new XdrWriter();
  try {
    codec.write(writer, args);
  } catch (error) {
    if (error instanceof XdrError) throw new ProviderError("invalid", `${name}: ${error.message}`, { cause: error });
    throw toProviderError(error);
  }
  return writer.done();
}

const saslOnly = (): ProviderError =>
  new ProviderError("denied", "the daemon accepts only SASL authentication", {
    hint: "Reach the daemon over its UNIX socket (directly or by SSH), where polkit or the socket's permissions decide.",
  });

/** Lets pass what only says that the connection is gone; anything else is an error. */
const ignoreLost = (error: unknown): void => {
  if (error instanceof ProviderError && ["dropped", "unreachable", "timeout"].includes(error.code)) return;
  throw error;
};
