import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import { agentBody, bootstrap } from "./bootstrap.js";
import { noAgent } from "./errors.js";
import { type Patience, patiently } from "./limit.js";
import { type Heard, Link, type Progress } from "./link.js";

/** Attempts to reach the host for one request. */
const DIALS = 3;
/** Milliseconds before the second attempt; it doubles with the next, with up to half of it more at random. */
const BACKOFF = 100;

/** Milliseconds after which something is given up. */
export interface AgentLimits {
  /** Until the agent runs: a cold start under a virus scanner is slow. */
  readonly openingMs: number;
  /** Of what only reads. */
  readonly readMs: number;
  /** Of what changes something and ends by itself. */
  readonly changeMs: number;
  /** Of what copies or fills a disk: it may have terabytes. */
  readonly workMs: number;
}

const LIMITS: AgentLimits = { openingMs: 60_000, readMs: 120_000, changeMs: 900_000, workMs: 86_400_000 };

export interface AgentOptions {
  /** The host's name for messages. */
  readonly host: string;
  /** Starts a program on the host and speaks with it. Called for each agent process. */
  readonly start: (words: readonly string[]) => Promise<Duplex>;
  /** Counts the requests, by name. */
  readonly counts?: Map<string, number> | undefined;
  /** Hears every line, for a record. */
  readonly heard?: Heard | undefined;
  /** Those that differ from 1 min, 2 min, 15 min and a day. */
  readonly limits?: Partial<AgentLimits> | undefined;
}

export interface RequestOptions extends Patience {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Asked again, once, when its answer was lost: for requests that change nothing. */
  readonly repeatable?: boolean | undefined;
}

/**
 * The agent of one host: one process, started by the first request, and again when a later one finds it gone. A
 * request whose answer was lost is not repeated unless it is `repeatable`: it rejects with `dropped`, and the caller
 * observes before it decides.
 */
export class Agent {
  /** Requests sent, by name. */
  readonly counts: Map<string, number>;
  readonly limits: AgentLimits;
  private link: Promise<Link> | undefined;
  private closed = false;

  constructor(private readonly options: AgentOptions) {
    this.counts = options.counts ?? new Map();
    this.limits = { ...LIMITS, ...options.limits };
  }

  /** The value that the host answered, not decoded. Errors as data become `ProviderError`s. */
  async request(name: string, args: Readonly<Record<string, unknown>>, options: RequestOptions = {}): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      const link = await this.live(options);
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      try {
        return await link.request(name, args, options);
      } catch (error) {
        const again = isProviderError(error, "unreachable") || (options.repeatable === true && isLost(error, options));
        if (!again || attempt >= DIALS || this.closed) throw error;
      }
    }
  }

  /** Ends the agent. Further requests reject with `unreachable`. */
  async close(): Promise<void> {
    this.closed = true;
    const link = this.link;
    this.link = undefined;
    await link?.then(
      (open) => open.close(),
      () => {},
    );
  }

  private async live(patience: Patience): Promise<Link> {
    if (this.closed) throw new ProviderError("unreachable", "the connection to the host was closed");
    this.link ??= this.open();
    const opening = this.link;
    const late = (cause: unknown): ProviderError =>
      new ProviderError("timeout", "the connection was given up", { cause });
    const link = await patiently(opening, patience, late);
    if (link.alive) return link;
    this.forget(opening);
    return await this.live(patience);
  }

  private open(): Promise<Link> {
    const opening = this.connect(() => this.forget(opening));
    opening.catch(() => this.forget(opening));
    return opening;
  }

  private forget(opening: Promise<Link>): void {
    if (this.link === opening) this.link = undefined;
  }

  private async connect(onEnd: () => void): Promise<Link> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { host, heard = () => {}, start } = this.options;
        const body = agentBody();
        const stream = await start(bootstrap(body)).catch((cause: unknown) => {
          throw noAgent(host, "", { cause });
        });
        return await Link.open(stream, body, { host, heard, onEnd }, { timeoutMs: this.limits.openingMs });
      } catch (error) {
        if (attempt >= DIALS || this.closed || !isProviderError(error, "unreachable")) throw error;
      }
      await sleep(BACKOFF * 2 ** (attempt - 1) * (1 + Math.random() / 2));
    }
  }
}

const isLost = (error: unknown, { signal }: Patience): boolean =>
  isProviderError(error, "dropped") && signal?.aborted !== true;
