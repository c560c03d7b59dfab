import { ProviderError } from "../core/errors.js";

const cancelled = (signal: AbortSignal, what: string): ProviderError =>
  signal.reason instanceof ProviderError
    ? signal.reason
    : new ProviderError("timeout", `${what} was cancelled before it was done`, { cause: signal.reason });

/**
 * Waits for a step until the signal says stop. What the step yields afterwards is given to `discard`, so that nothing
 * stays open behind a caller that has gone.
 */
export async function untilAborted<T>(
  step: Promise<T>,
  what: string,
  signal: AbortSignal | undefined,
  discard: (late: T) => void = () => {},
): Promise<T> {
  if (signal === undefined) return step;
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(cancelled(signal, what));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([aborted, step]);
  } catch (error) {
    if (signal.aborted) step.then(discard, () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
