import type { ProviderError } from "../../../core/errors.js";
import type { Connection } from "./connection.js";
import { toProviderError } from "./errors.js";
import { type Handler, tell } from "./listeners.js";
import type { EventKind } from "./procedures/event.js";

/** Told that events were lost: they flow again, or `error` says why they do not. */
export type OnGap = (error?: ProviderError) => void;

interface Subscriber {
  readonly handler: Handler<unknown>;
  readonly onGap: OnGap | undefined;
}
type Registrations = Map<EventKind<unknown>, Promise<() => Promise<void>>>;

/** Who wants which events of a host, over all its connections in turn. Each kind is registered once. */
export class Subscriptions {
  private readonly subscribers = new Map<EventKind<unknown>, Set<Subscriber>>();
  private readonly registered = new WeakMap<Connection, Registrations>();
  private gap = false;

  /** `live` gives the connection that is used now; it calls `restore` on each new one. */
  constructor(private readonly live: () => Promise<Connection>) {}

  async add<T>(kind: EventKind<T>, handler: Handler<T>, onGap: OnGap | undefined): Promise<() => Promise<void>> {
    const of = kind as EventKind<unknown>;
    const subscriber: Subscriber = { handler: handler as Handler<unknown>, onGap };
    const all = this.subscribers.get(of) ?? new Set();
    this.subscribers.set(of, all.add(subscriber));
    try {
      await this.register(of, await this.live());
    } catch (error) {
      await this.remove(of, subscriber);
      throw error;
    }
    return () => this.remove(of, subscriber);
  }

  /** Registers everything on a new connection, then tells who missed events on the one before. */
  async restore(connection: Connection): Promise<void> {
    for (const [kind, all] of this.subscribers) if (all.size > 0) await this.register(kind, connection);
    if (this.gap) this.announce();
    this.gap = false;
  }

  /** The connection is gone: reconnects, if anybody wants events. */
  lost(): void {
    if (![...this.subscribers.values()].some((all) => all.size > 0)) return;
    this.gap = true;
    this.live().catch((error) => this.announce(toProviderError(error)));
  }

  private async register(kind: EventKind<unknown>, connection: Connection): Promise<void> {
    const known: Registrations = this.registered.get(connection) ?? new Map();
    this.registered.set(connection, known);
    let registration = known.get(kind);
    if (registration === undefined) {
      registration = connection.on(kind, (event) => this.dispatch(kind, event));
      known.set(kind, registration);
      registration.catch(() => known.delete(kind));
    }
    await registration;
  }

  private async remove(kind: EventKind<unknown>, subscriber: Subscriber): Promise<void> {
    const all = this.subscribers.get(kind);
    if (!all?.delete(subscriber) || all.size > 0) return;
    const connection = await this.live().catch(() => undefined);
    if (connection === undefined || all.size > 0) return;
    const known = this.registered.get(connection);
    const registration = known?.get(kind);
    known?.delete(kind);
    await (await registration?.catch(() => undefined))?.();
  }

  private dispatch(kind: EventKind<unknown>, event: unknown): void {
    for (const { handler } of this.subscribers.get(kind) ?? []) tell(handler, event);
  }

  private announce(error?: ProviderError): void {
    for (const all of this.subscribers.values()) {
      for (const { onGap } of all) if (onGap !== undefined) tell(onGap, error);
    }
  }
}
