import { type EventKind, eventByMessage } from "./procedures/event.js";
import { XdrReader } from "./xdr.js";

/** Called for each event, in order. It must not throw; what it throws is shown as a warning of the process. */
export type Handler<T> = (event: T) => void;

/** Events may arrive before the answer that tells their callback id: so many are kept while a registration runs. */
const EARLY = 1024;

/** Who gets which event of one connection. Callback ids are only unique within a family, so the message counts too. */
export class Listeners {
  private readonly handlers = new Map<string, Handler<unknown>>();
  private readonly early: { key: string; event: unknown }[] = [];
  private registering = 0;

  /** To be called around a registration. */
  expect(): void {
    this.registering++;
  }

  settle(): void {
    this.registering--;
    if (this.registering === 0) this.early.length = 0;
  }

  add<T>(kind: EventKind<T>, callbackId: number, handler: Handler<T>): void {
    const key = keyOf(kind.message, callbackId);
    this.handlers.set(key, handler as Handler<unknown>);
    for (const one of this.early.filter((kept) => kept.key === key)) tell(handler as Handler<unknown>, one.event);
  }

  /** Whether there was one. */
  remove(kind: EventKind<unknown>, callbackId: number): boolean {
    return this.handlers.delete(keyOf(kind.message, callbackId));
  }

  /** Hands an event out. Kinds that nobody knows are ignored; one that is unreadable is a warning of the process. */
  deliver(message: number, body: Buffer): void {
    const kind = eventByMessage.get(message);
    if (kind === undefined) return;
    tell(() => this.dispatch(kind, new XdrReader(body)), undefined);
  }

  private dispatch(kind: EventKind<unknown>, reader: XdrReader): void {
    const key = keyOf(kind.message, reader.int());
    const event = kind.body.read(reader);
    const handler = this.handlers.get(key);
    if (handler !== undefined) tell(handler, event);
    else if (this.registering > 0 && this.early.length < EARLY) this.early.push({ key, event });
  }
}

const keyOf = (message: number, callbackId: number): string => `${message}:${callbackId}`;

/** Runs a subscriber so that its mistake stays its own. */
export const tell = <T>(handler: Handler<T>, event: T): void => {
  try {
    handler(event);
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
};
