/** How long a caller is willing to wait. */
export interface Patience {
  /** Gives up when it aborts. What was sent already goes on at the host. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds, waiting for a place included; without it there is no limit. */
  readonly timeoutMs?: number | undefined;
}

/** The reason with which a limit's signal aborts when the time is over. */
export class TimeIsUp extends Error {
  override readonly name = "TimeIsUp";

  constructor(readonly timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
  }
}

/** One signal for both limits. `done` must be called when nobody waits any more. */
export function limit({ signal, timeoutMs }: Patience): { signal: AbortSignal | undefined; done: () => void } {
  if (timeoutMs === undefined) return { signal, done: () => {} };
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  const timer = setTimeout(() => controller.abort(new TimeIsUp(timeoutMs)), timeoutMs);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return {
    signal: controller.signal,
    done: () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    },
  };
}
