import { setTimeout as sleep } from "node:timers/promises";
import type { LibvirtHost } from "./host.js";
import { type EventKind, events } from "./rpc/procedures/event.js";
import type { DomainRef } from "./rpc/types.js";

/** Even with events a condition is looked at this often: an event can be lost with a connection. Milliseconds. */
const INSURANCE_MS = 15_000;

/** Wakes those who wait for something to happen to a domain. One per host; registers with the daemon at first use. */
export class Watch {
  private readonly sleepers = new Map<string, Set<() => void>>();
  private readonly registered = new Map<Wanted, Promise<unknown>>();

  constructor(private readonly session: LibvirtHost["session"]) {}

  /**
   * Looks until `look` finds something: at once, at every event of the domain, and at the latest after `every`
   * milliseconds again. `undefined` when the time is over. Throws what `look` throws, and the signal's reason.
   */
  async until<T>(uuid: string, look: () => Promise<T | undefined>, limits: Limits): Promise<T | undefined> {
    await Promise.all([this.register("domainLifecycle"), ...(limits.events ?? []).map((e) => this.register(e))]);
    const end = Date.now() + limits.timeoutMs;
    for (;;) {
      limits.signal.throwIfAborted();
      const woken = this.next(uuid);
      try {
        const found = await look();
        if (found !== undefined) return found;
        const left = end - Date.now();
        if (left <= 0) return undefined;
        await woken.wait(Math.min(left, limits.every ?? INSURANCE_MS), limits.signal);
      } finally {
        woken.cancel();
      }
    }
  }

  private next(uuid: string) {
    const sleepers = this.sleepers.get(uuid) ?? new Set<() => void>();
    this.sleepers.set(uuid, sleepers);
    let wake: () => void = () => undefined;
    const event = new Promise<void>((resolve) => {
      wake = resolve;
    });
    sleepers.add(wake);
    return {
      wait: async (ms: number, signal: AbortSignal) => {
        const timer = new AbortController();
        const late = sleep(ms, undefined, { signal: AbortSignal.any([signal, timer.signal]) }).catch(() => undefined);
        await Promise.race([event, late]);
        timer.abort();
      },
      cancel: () => {
        sleepers.delete(wake);
        if (sleepers.size === 0) this.sleepers.delete(uuid);
      },
    };
  }

  private register(kind: Wanted): Promise<unknown> {
    const known = this.registered.get(kind);
    if (known !== undefined) return known;
    const wake = ({ dom }: { readonly dom: { readonly uuid: string } }) => {
      for (const sleeper of this.sleepers.get(dom.uuid) ?? []) sleeper();
    };
    const all = () => {
      for (const sleepers of this.sleepers.values()) for (const sleeper of sleepers) sleeper();
    };
    const made = this.session.on(events[kind] as EventKind<{ readonly dom: DomainRef }>, wake, all);
    this.registered.set(kind, made);
    made.catch(() => this.registered.delete(kind));
    return made;
  }
}

/** Events that can wake a sleeper; those of the life cycle always do. */
type Wanted =
  | "domainLifecycle"
  | "trayChange"
  | "deviceRemoved"
  | "deviceRemovalFailed"
  | "balloonChange"
  | "agentLifecycle";

export interface Limits {
  readonly timeoutMs: number;
  /** Milliseconds between two looks without an event; for what no event announces. Default 15 s. */
  readonly every?: number;
  /** Further events that may bring it about. */
  readonly events?: readonly Wanted[];
  readonly signal: AbortSignal;
}
