import { ProviderError } from "../../../core/errors.js";

/** How long a caller is willing to wait. */
export interface Patience {
  /** Gives up when it aborts. What was sent already may go on at the host. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; without it there is no limit. */
  readonly timeoutMs?: number | undefined;
}

/** Settles with the step, unless the caller's patience ends before: then `late` says which error that is. */
export async function patiently<T>(
  step: Promise<T>,
  { signal, timeoutMs }: Patience,
  late: (cause: unknown, timedOut: boolean) => ProviderError,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let abort = (): void => {};
  const ended = new Promise<never>((_, reject) => {
    abort = () => reject(signal?.reason instanceof ProviderError ? signal.reason : late(signal?.reason, false));
    if (timeoutMs !== undefined) timer = setTimeout(() => reject(late(undefined, true)), timeoutMs);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([step, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
