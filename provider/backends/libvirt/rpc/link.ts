import type { Duplex } from "node:stream";
import { FrameSplitter } from "./frames.js";
import { decodeHeader, encodeHeader, HEADER, type Header, Keepalive, MessageType, Program, Status } from "./wire.js";

/** Who hears of a link. Neither may throw. */
export interface LinkListener {
  /** A whole frame; its body starts at `HEADER`. */
  message(header: Header, frame: Buffer): void;
  /** Called once: nothing can be sent or will arrive any more. */
  lost(error: Error): void;
}

/** Bodies below this many bytes are copied behind their header, larger ones are written on their own. */
const COPIED = 4096;
const EMPTY = new Uint8Array(0);

/** Messages over one Duplex: framing, keepalive answers, back-pressure in both directions. Knows nothing of calls. */
export class Link {
  /** Set when the link is lost. */
  error: Error | undefined;
  /** Counts whatever arrives: a value that changed proves that the peer lives. */
  received = 0;
  private readonly holders = new Set<object>();
  /** Bodies that were handed over and not copied, and that the transport has not let go of. */
  private unsent = 0;
  private drain: Promise<void> | undefined;
  private drained: (() => void) | undefined;

  constructor(
    private readonly duplex: Duplex,
    private readonly listener: LinkListener,
  ) {
    const splitter = new FrameSplitter((frame) => this.deliver(frame));
    duplex.on("data", (chunk: Buffer) => {
      if (this.error !== undefined) return;
      this.received++;
      try {
        splitter.push(chunk);
      } catch (error) {
        this.fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    duplex.on("drain", () => this.lighter());
    duplex.on("error", (error) => this.fail(error));
    duplex.on("end", () => this.fail(new Error("the peer ended the connection")));
    duplex.on("close", () => this.fail(new Error("the connection was closed")));
  }

  /** Hands a message to the transport. The body must not change before `ready` has resolved. */
  send(header: Header, body: Uint8Array = EMPTY): void {
    if (this.error !== undefined) return;
    const head = encodeHeader(header, body.length);
    if (body.length === 0) this.duplex.write(head);
    else if (body.length < COPIED) this.duplex.write(Buffer.concat([head, body]));
    else {
      this.duplex.cork();
      this.duplex.write(head);
      this.unsent += 1;
      this.duplex.write(body, () => {
        this.unsent -= 1;
        this.lighter();
      });
      this.duplex.uncork();
    }
  }

  ping(): void {
    this.keepalive(Keepalive.ping);
  }

  /** Whether the transport has more than it likes to hold, or still uses a body. */
  get congested(): boolean {
    return this.error === undefined && (this.unsent > 0 || this.duplex.writableNeedDrain);
  }

  /**
   * Resolves when the transport takes more and uses no body any more, so that their memory may be written to again, or when
   * the link is lost.
   */
  async ready(): Promise<void> {
    if (!this.congested) return;
    this.drain ??= new Promise<void>((resolve) => {
      this.drained = () => {
        this.drain = undefined;
        this.drained = undefined;
        resolve();
      };
    });
    await this.drain;
  }

  private lighter(): void {
    if (!this.congested) this.drained?.();
  }

  /** Stops reading as long as anybody holds. */
  hold(holder: object): void {
    this.holders.add(holder);
    this.duplex.pause();
  }

  unhold(holder: object): void {
    if (this.holders.delete(holder) && this.holders.size === 0 && this.error === undefined) this.duplex.resume();
  }

  get held(): boolean {
    return this.holders.size > 0;
  }

  /** Gives the link up. Later calls have no effect. */
  fail(error: Error): void {
    if (this.error !== undefined) return;
    this.error = error;
    this.drained?.();
    this.duplex.destroy();
    this.listener.lost(error);
  }

  private deliver(frame: Buffer): void {
    if (this.error !== undefined) return;
    const header = decodeHeader(frame);
    if (header.program !== Program.keepalive) this.listener.message(header, frame);
    else if (header.procedure === Keepalive.ping) this.keepalive(Keepalive.pong);
  }

  private keepalive(procedure: number): void {
    this.send({ program: Program.keepalive, procedure, type: MessageType.event, serial: 0, status: Status.ok });
  }
}

/** The bytes behind the header of a frame: a view. */
export const bodyOf = (frame: Buffer): Buffer => frame.subarray(HEADER);
