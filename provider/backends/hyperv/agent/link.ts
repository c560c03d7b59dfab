import type { Duplex } from "node:stream";
import { ProviderError } from "../../../core/errors.js";
import { MAGIC } from "./bootstrap.js";
import { answerError, noAgent, wrongPowerShell } from "./errors.js";
import { type Patience, patiently } from "./limit.js";
import { Lines, toLine } from "./wire.js";

/** How far a request is, in what it counts: bytes mostly. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** One line that the agent sent or was sent, for whoever keeps a record. */
export type Heard = (way: "asked" | "answered", line: Readonly<Record<string, unknown>>) => void;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ProviderError) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** Milliseconds between two signs of life: the agent ends by itself after half an hour without any. */
const PING = 300_000;
/** Milliseconds that the agent has to say good-bye. */
const BYE = 2000;

/** One agent process: requests go out as lines, answers come back in any order under the request's id. */
export class Link {
  private readonly lines = new Lines();
  private readonly waiting = new Map<number, Waiting>();
  private readonly ping: NodeJS.Timeout;
  private begun = false;
  private noise = "";
  private next = 1;
  private over: ProviderError | undefined;
  /** A request had no answer in time: nobody shall wait behind it. */
  stuck = false;

  private constructor(
    private readonly stream: Duplex,
    private readonly host: string,
    private readonly heard: Heard,
    private readonly onEnd: () => void,
  ) {
    stream.on("data", (chunk: Buffer) => {
      for (const line of this.lines.add(chunk)) this.hear(line);
    });
    stream.once("end", () => this.end(undefined));
    stream.once("close", () => this.end(stream.errored ?? undefined));
    this.ping = setInterval(() => void this.request("ping", {}).catch(() => {}), PING);
    this.ping.unref();
  }

  /**
   * Hands the body to a bootstrap that was started, and waits until the agent says that it runs. Errors:
   * `unsupported` (no Windows PowerShell 5.1 with its full language), and what the stream failed with.
   */
  static async open(
    stream: Duplex,
    body: Buffer,
    about: { host: string; heard: Heard; onEnd: () => void },
    patience: Patience,
  ): Promise<Link> {
    const link = new Link(stream, about.host, about.heard, about.onEnd);
    try {
      const ready = link.wait(0, undefined);
      stream.write(body);
      await patiently(ready, patience, (cause, timedOut) => noAgent(about.host, link.noise, { cause, timedOut }));
      return link;
    } catch (error) {
      link.destroy();
      throw error;
    }
  }

  get alive(): boolean {
    return this.over === undefined && !this.stuck;
  }

  /**
   * Sends one request. `dropped` when the answer was lost, `unreachable` when it was not sent. A caller who gives up
   * ends what runs beside the agent's main loop.
   */
  async request(
    name: string,
    args: unknown,
    patience: Patience & { readonly onProgress?: ((progress: Progress) => void) | undefined } = {},
  ): Promise<unknown> {
    const id = this.next++;
    const answer = this.wait(id, patience.onProgress);
    this.send({ id, name, args });
    return await patiently(answer, patience, (cause, timedOut) => {
      this.waiting.delete(id);
      this.stuck ||= timedOut;
      if (this.over === undefined) this.send({ name: "cancel", args: { id } });
      if (this.stuck && this.waiting.size === 0) this.destroy();
      return givenUp(name, { cause, timeoutMs: timedOut ? patience.timeoutMs : undefined });
    });
  }

  /** Lets the agent end, and ends it when it does not: no end of the stream is waited for longer. */
  async close(): Promise<void> {
    if (this.over !== undefined) return;
    const closed = new Promise<void>((resolve) => {
      this.stream.once("end", resolve).once("close", resolve);
      setTimeout(resolve, BYE).unref();
    });
    this.send({ name: "bye" });
    this.stream.end();
    await closed;
    this.destroy();
  }

  destroy(): void {
    this.end(undefined);
    this.stream.destroy();
  }

  private wait(id: number, onProgress: Waiting["onProgress"]): Promise<unknown> {
    const { over } = this;
    if (over !== undefined)
      return Promise.reject(
        new ProviderError("unreachable", `the connection was lost before the request: ${over.fact}`, { cause: over }),
      );
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, onProgress }));
  }

  private send(line: Readonly<Record<string, unknown>>): void {
    if (this.over !== undefined) return;
    this.heard("asked", line);
    this.stream.write(toLine(line));
  }

  private hear(line: string): void {
    if (!this.begun) {
      this.begin(line);
      return;
    }
    const answer = parsed(line);
    // Anything else is a stray word of some program that the agent called.
    if (answer === undefined) return;
    this.heard("answered", answer);
    const waiting = this.waiting.get(answer.id);
    if (waiting === undefined) return;
    if (answer.progress !== undefined) {
      waiting.onProgress?.(answer.progress);
      return;
    }
    this.waiting.delete(answer.id);
    if (answer.error === undefined) waiting.resolve(answer.value);
    else waiting.reject(answerError(answer.error));
    if (this.stuck && this.waiting.size === 0) this.destroy();
  }

  private begin(line: string): void {
    const [, mode, major, minor] = MAGIC.exec(line) ?? [];
    if (mode === undefined) {
      this.noise = `${this.noise}${line}\n`.slice(-2000);
      return;
    }
    this.begun = true;
    if (mode === "FullLanguage" && major === "5") return;
    const wrong = wrongPowerShell(this.host, mode, `${major}.${minor}`);
    this.waiting.get(0)?.reject(wrong);
    this.waiting.delete(0);
    this.destroy();
  }

  private end(cause: Error | undefined): void {
    if (this.over !== undefined) return;
    clearInterval(this.ping);
    this.over = cause instanceof ProviderError ? cause : ended(cause);
    // A program that ended by itself never was the agent. What the stream failed with may be the way's fault.
    const never = () => noAgent(this.host, this.noise, { cause: cause && this.over });
    for (const [id, waiting] of this.waiting) waiting.reject(id === 0 ? never() : lost(this.over));
    this.waiting.clear();
    this.onEnd();
  }
}

interface Answer extends Readonly<Record<string, unknown>> {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: unknown;
  readonly progress?: Progress;
}

function parsed(line: string): Answer | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "id" in value ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

const AGAIN =
  "The host may have done it all the same: run the command again, which looks at the host first and goes on from what is there.";

const ended = (cause: Error | undefined): ProviderError =>
  new ProviderError("dropped", "the agent on the host has ended", { cause });

const lost = (cause: ProviderError): ProviderError =>
  new ProviderError("dropped", `the connection was lost during the request: ${cause.fact}`, { cause, hint: AGAIN });

const givenUp = (name: string, { cause, timeoutMs }: { cause: unknown; timeoutMs: number | undefined }) =>
  timeoutMs === undefined
    ? new ProviderError("dropped", `${name} was cancelled before its answer came`, { cause, hint: AGAIN })
    : new ProviderError("timeout", `${name} had no answer within ${timeoutMs / 1000} s`, { hint: AGAIN });
