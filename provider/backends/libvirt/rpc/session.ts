import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { ProviderError } from "../../../core/errors.js";
import { BulkConnections } from "./bulk.js";
import { Connection, type ConnectionOptions } from "./connection.js";
import type { Patience } from "./limit.js";
import type { Handler } from "./listeners.js";
import { givenUp } from "./lost.js";
import type { EventKind } from "./procedures/event.js";
import type { Procedure } from "./procedures/procedure.js";
import type { Chunk, ReceivedChunk } from "./streams.js";
import { type OnGap, Subscriptions } from "./subscriptions.js";
import type { Sent } from "./transfer.js";

/** Attempts to reach the host for one call. */
export const DIALS = 3;
/** Milliseconds before the second attempt; it doubles with each further one, with up to half of it more at random. */
const BACKOFF = 100;
/** How long is waited for a host, in milliseconds. */
export interface Limits {
  /** For the three calls that open a connection. Default 30 s. */
  readonly openingMs?: number | undefined;
  /** A quick call may take so long, unless the caller says otherwise. Default 2 min. */
  readonly quickMs?: number | undefined;
  /** A slow one, which starts a guest or copies a disk on the host. Default 24 h: a disk may have terabytes. */
  readonly slowMs?: number | undefined;
  /** A transfer may stand still for so long. Default 10 min: the host may have to write all that it took in. */
  readonly stallMs?: number | undefined;
  /** See `ConnectionOptions`; default 20 s and 3 for the control connection. */
  readonly keepaliveMs?: number | undefined;
  readonly keepaliveCount?: number | undefined;
  /** Silence after which an SSH server is asked whether it lives; the third question without an answer ends it. Default 15 s. */
  readonly sshKeepaliveMs?: number | undefined;
}

export interface SessionOptions extends Limits {
  /** The driver as the daemon names it: `qemu:///system`, `test:///default`. */
  readonly uri: string;
  /** Opens a byte stream to the daemon's socket. Called for each connection. */
  readonly dial: () => Promise<Duplex>;
  /** Counts the calls of all connections, by the procedure's name. */
  readonly counts?: Map<string, number> | undefined;
}

/**
 * What drivers use of one host: one control connection, opened when the first call needs it and again when a later
 * call finds it dead, and up to two more for transfers. A call whose answer was lost is never repeated here: it rejects
 * with `dropped`, and the caller observes before it decides.
 */
export class Session {
  /** Calls sent, by the procedure's name. */
  readonly counts: Map<string, number>;
  private readonly limits: ReturnType<typeof limitsOf>;
  private control: Promise<Connection> | undefined;
  private closed = false;
  private readonly bulk: BulkConnections;
  private readonly subscriptions: Subscriptions;

  constructor(private readonly options: SessionOptions) {
    this.counts = options.counts ?? new Map();
    this.limits = limitsOf(options);
    this.bulk = new BulkConnections((signal) => this.connect({}, signal));
    this.subscriptions = new Subscriptions(() => this.live());
  }

  /**
   * Calls one procedure on the control connection. A call that was not sent because the connection turned out to be
   * dead is sent on a new one, up to `DIALS` times in all.
   */
  async call<A, R>(procedure: Procedure<A, R>, args: NoInfer<A>, patience: Patience = {}): Promise<R> {
    const timeoutMs = patience.timeoutMs ?? (procedure.slow ? this.limits.slowMs : this.limits.quickMs);
    for (let attempt = 1; ; attempt++) {
      const connection = await this.live(patience.signal);
      try {
        return await connection.call(procedure, args, { ...patience, timeoutMs });
      } catch (error) {
        if (attempt >= DIALS || this.closed || !isUnreachable(error)) throw error;
      }
    }
  }

  /** As `Connection.upload`, on a connection of its own; a third transfer waits for one of two others. */
  async upload<A extends { readonly flags?: number | undefined }>(
    procedure: Procedure<A, unknown>,
    args: NoInfer<A>,
    source: AsyncIterable<Chunk>,
    patience: Patience = {},
  ): Promise<Sent> {
    const connection = await this.transfer(procedure.name, patience.signal);
    try {
      return await connection.upload(procedure, args, source, this.opening(patience));
    } finally {
      this.bulk.release(connection);
    }
  }

  /** As `Connection.download`, on a connection of its own. The place is kept until the consumer is done. */
  async *download<A>(
    procedure: Procedure<A, unknown>,
    args: NoInfer<A>,
    patience: Patience = {},
  ): AsyncGenerator<ReceivedChunk, void, undefined> {
    const connection = await this.transfer(procedure.name, patience.signal);
    try {
      yield* connection.download(procedure, args, this.opening(patience));
    } finally {
      this.bulk.release(connection);
    }
  }

  /**
   * Subscribes to one kind of event of the whole host. It survives a lost connection: the session reconnects by itself
   * and then calls `onGap`, because events in between are lost: observe again. When the host cannot be reached `onGap`
   * gets the error, and is called once more when a later call has reached it.
   */
  async on<T>(kind: EventKind<T>, handler: Handler<T>, onGap?: OnGap): Promise<() => Promise<void>> {
    return await this.subscriptions.add(kind, handler, onGap);
  }

  /** Ends all connections; what still runs rejects. Further calls reject with `unreachable`. */
  async close(): Promise<void> {
    this.closed = true;
    const control = this.control;
    this.control = undefined;
    await Promise.all([
      this.bulk.close(sessionClosed()),
      control?.then(
        (connection) => connection.close(),
        () => {},
      ),
    ]);
  }

  private opening(patience: Patience): Patience {
    return { ...patience, timeoutMs: patience.timeoutMs ?? this.limits.quickMs };
  }

  private async transfer(what: string, signal: AbortSignal | undefined): Promise<Connection> {
    if (this.closed) throw sessionClosed();
    try {
      return await this.bulk.acquire(signal);
    } catch (error) {
      throw error instanceof ProviderError ? error : givenUp(what, error, false);
    }
  }

  /** The control connection, alive as far as is known, with all subscriptions on it. */
  private async live(signal?: AbortSignal): Promise<Connection> {
    if (this.closed) throw sessionClosed();
    if (this.control === undefined) {
      const opening: Promise<Connection> = this.openControl(() => {
        if (this.control !== opening) return;
        this.control = undefined;
        this.subscriptions.lost();
      });
      this.control = opening;
      opening.catch(() => {
        if (this.control === opening) this.control = undefined;
      });
    }
    const connection = await unless(signal, this.control);
    if (!connection.stuck) return connection;
    connection.destroy();
    return await this.live(signal);
  }

  private async openControl(onLost: () => void): Promise<Connection> {
    const { keepaliveMs, keepaliveCount } = this.limits;
    const connection = await this.connect({ keepaliveMs, keepaliveCount, onLost });
    try {
      await this.subscriptions.restore(connection);
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  private async connect(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.connectOnce(options, signal);
      } catch (error) {
        if (attempt >= DIALS || this.closed || signal?.aborted || !isUnreachable(error)) throw error;
      }
      await sleep(BACKOFF * 2 ** (attempt - 1) * (1 + Math.random() / 2), undefined, { signal });
    }
  }

  private async connectOnce(options: ConnectionOptions, signal: AbortSignal | undefined): Promise<Connection> {
    const duplex = await this.options.dial().catch((error: unknown) => {
      throw error instanceof ProviderError ? error : notReached(error);
    });
    try {
      const { openingMs, stallMs } = this.limits;
      const about = { ...options, stallMs, counts: this.counts };
      const connection = await Connection.open(duplex, this.options.uri, about, { timeoutMs: openingMs, signal });
      if (!this.closed) return connection;
      connection.destroy();
      throw sessionClosed();
    } catch (error) {
      if (error instanceof ProviderError && ["dropped", "timeout"].includes(error.code)) throw notReached(error);
      throw error;
    }
  }
}

function limitsOf(given: Limits) {
  const {
    openingMs = 30_000,
    quickMs = 120_000,
    slowMs = 86_400_000,
    stallMs = 600_000,
    keepaliveMs = 20_000,
    keepaliveCount = 3,
  } = given;
  return { openingMs, quickMs, slowMs, stallMs, keepaliveMs, keepaliveCount };
}

const sessionClosed = (): ProviderError => new ProviderError("unreachable", "the session with the host was closed");

/** Opening a connection changes nothing on the host: a lost answer there means "not reached". */
const notReached = (error: unknown): ProviderError =>
  new ProviderError("unreachable", messageOf(error), { cause: error });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isUnreachable = (error: unknown): boolean => error instanceof ProviderError && error.code === "unreachable";

/** Waits for `promise`, which goes on without this caller when `signal` aborts. */
async function unless<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return await promise;
  return await new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(givenUp("the connection", signal.reason, false));
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
