import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LibvirtHost } from "./host.js";
import { Watch } from "./watch.js";

// The clock of the test does not reach Node's promises; these timers obey it.
vi.mock("node:timers/promises", () => ({
  setTimeout: (ms: number, value: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const timer = globalThis.setTimeout(resolve, ms, value);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
}));

type Handler = (event: { dom: { uuid: string } }) => void;

/** The part of a session that a watch uses: it registers handlers, which the test calls as the daemon's events would. */
function station() {
  const handlers = new Map<object, { event: Handler; gap: () => void }>();
  let refusals = 0;
  const session = {
    on: async (kind: object, event: Handler, gap: () => void) => {
      if (refusals-- > 0) throw new Error("not now");
      handlers.set(kind, { event, gap });
      return async () => undefined;
    },
  };
  return {
    handlers,
    refuse: (times: number) => {
      refusals = times;
    },
    watch: new Watch(session as unknown as LibvirtHost["session"]),
    happen: (uuid: string) => {
      for (const { event } of handlers.values()) event({ dom: { uuid } });
    },
    gap: () => {
      for (const { gap } of handlers.values()) gap();
    },
  };
}

describe("waiting for a domain", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const signal = new AbortController().signal;
  /** Looks that find something at the given time. */
  const looking = (found: number) => {
    let looks = 0;
    const look = async () => (++looks >= found ? "found" : undefined);
    return { look, looks: () => looks };
  };

  it("looks at once and asks for nothing more when it is there", async () => {
    const { watch } = station();
    const { look, looks } = looking(1);
    expect(await watch.until("a", look, { timeoutMs: 1000, signal })).toBe("found");
    expect(looks()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is woken by an event of that domain and of no other", async () => {
    const { watch, happen } = station();
    const { look, looks } = looking(2);
    const done = watch.until("a", look, { timeoutMs: 60_000, signal });
    await vi.advanceTimersByTimeAsync(10);
    happen("b");
    await vi.advanceTimersByTimeAsync(10);
    expect(looks()).toBe(1);
    happen("a");
    expect(await done).toBe("found");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("misses no event that comes while it looks", async () => {
    const { watch, happen } = station();
    let looks = 0;
    const look = async () => {
      looks += 1;
      if (looks === 1) happen("a");
      return looks === 2 ? "found" : undefined;
    };
    const done = watch.until("a", look, { timeoutMs: 60_000, signal });
    await vi.advanceTimersByTimeAsync(1);
    expect(await done).toBe("found");
  });

  it("wakes everybody who waits, and all of them after a gap in the events", async () => {
    const { watch, happen, gap } = station();
    const [one, two, other] = [looking(2), looking(3), looking(2)];
    const all = [one, two, other].map(({ look }, i) =>
      watch.until(i < 2 ? "a" : "b", look, { timeoutMs: 60_000, signal }),
    );
    await vi.advanceTimersByTimeAsync(1);
    happen("a");
    await vi.advanceTimersByTimeAsync(1);
    expect([one, two, other].map(({ looks }) => looks())).toEqual([2, 2, 1]);
    gap();
    expect(await Promise.all(all)).toEqual(["found", "found", "found"]);
  });

  it("looks again without an event every fifteen seconds, or as often as it is told", async () => {
    for (const [every, after] of [
      [undefined, 15_000],
      [500, 500],
    ] as const) {
      const { watch } = station();
      const { look, looks } = looking(2);
      const done = watch.until("a", look, { timeoutMs: 60_000, signal, ...(every === undefined ? {} : { every }) });
      await vi.advanceTimersByTimeAsync(after - 1);
      expect(looks()).toBe(1);
      await vi.advanceTimersByTimeAsync(1);
      expect(await done).toBe("found");
    }
  });

  it("gives up at its time, after a last look", async () => {
    const { watch } = station();
    const { look, looks } = looking(9);
    const done = watch.until("a", look, { timeoutMs: 1000, signal });
    await vi.advanceTimersByTimeAsync(1000);
    expect(await done).toBeUndefined();
    expect(looks()).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends at once with the reason of its signal, before and while it waits", async () => {
    const { watch } = station();
    const { look, looks } = looking(9);
    await expect(
      watch.until("a", look, { timeoutMs: 1000, signal: AbortSignal.abort(new Error("before")) }),
    ).rejects.toThrow("before");
    expect(looks()).toBe(0);
    const control = new AbortController();
    const done = watch.until("a", look, { timeoutMs: 60_000, signal: control.signal });
    done.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(10);
    control.abort(new Error("enough"));
    await expect(done).rejects.toThrow("enough");
    expect(looks()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("passes on what a look throws and waits for nobody then", async () => {
    const { watch, happen } = station();
    const look = async () => {
      throw new Error("gone");
    };
    await expect(watch.until("a", look, { timeoutMs: 1000, signal })).rejects.toThrow("gone");
    happen("a");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("registers once for each kind of event, and again after a refusal", async () => {
    const { watch, handlers, refuse } = station();
    const { look } = looking(1);
    refuse(1);
    await expect(watch.until("a", look, { timeoutMs: 1000, signal })).rejects.toThrow("not now");
    const limits = { timeoutMs: 1000, signal, events: ["deviceRemoved"] as const };
    await Promise.all([watch.until("a", look, limits), watch.until("b", look, limits)]);
    expect(handlers.size).toBe(2);
    handlers.clear();
    await watch.until("a", look, limits);
    expect(handlers.size).toBe(0);
  });
});
