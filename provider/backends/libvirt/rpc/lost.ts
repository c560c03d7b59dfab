import { ProviderError } from "../../../core/errors.js";
import { TimeIsUp } from "./limit.js";

const AGAIN =
  "The host may have done it all the same: run the command again, which looks at the host first and goes on from what is there.";
const LOOK = "Check that the host and its daemon run and can be reached, and run the command again.";

/** The connection went away with the answer: the host may have done it or not. */
export const dropped = (what: string, cause: Error): ProviderError =>
  new ProviderError("dropped", `the connection was lost during ${what}: ${cause.message}`, { cause, hint: AGAIN });

/** The connection went away before the call was sent: the host knows nothing of it. */
export const unreachable = (what: string, cause: Error): ProviderError =>
  new ProviderError("unreachable", `the connection was lost before ${what}: ${cause.message}`, { cause, hint: LOOK });

/** The caller gave up: for its own reasons, or because the time was over. `sent` is whether the host may act on it. */
export function givenUp(what: string, reason: unknown, sent: boolean): ProviderError {
  if (reason instanceof ProviderError) return reason;
  const details = { cause: reason };
  if (reason instanceof TimeIsUp) {
    const fact = sent ? `${what} had no answer` : `${what} found no free place`;
    const hint = sent ? `${AGAIN} If it stays so, look at the daemon's log.` : LOOK;
    return new ProviderError("timeout", `${fact} within ${reason.timeoutMs} ms`, { ...details, hint });
  }
  return sent
    ? new ProviderError("dropped", `${what} was cancelled before its answer came`, { ...details, hint: AGAIN })
    : new ProviderError("failed", `${what} was cancelled before it began`, details);
}

/** The caller broke a transfer off, and the daemon knows it. */
export const cancelled = (what: string, reason: unknown): ProviderError =>
  reason instanceof ProviderError ? reason : new ProviderError("failed", `${what} was cancelled`, { cause: reason });
