import { isProviderError, placed } from "../../../core/errors.js";
import type { Finding, Look } from "../../../core/finding.js";
import type { LibvirtHost } from "../host.js";
import type { Check } from "./check.js";
import { reach } from "./reach.js";

/** What is looked at once the host answers. Each goes on when another fails. */
const CHECKS: readonly Check[] = [];

/** Looks at a host in all topics at once; at one that cannot be reached, that is all there is to say. */
export async function diagnose(host: LibvirtHost, look: Look): Promise<readonly Finding[]> {
  const reached = await examined(reach, host, look);
  if (reached.some(({ level }) => level === "problem")) return reached;
  const found = await Promise.all(CHECKS.map((check) => examined(check, host, look)));
  return [...reached, ...found.flat()];
}

/** One check within its time. Its failure is a finding too. */
async function examined(check: Check, host: LibvirtHost, look: Look): Promise<readonly Finding[]> {
  const limit = AbortSignal.timeout(check.limit * 1000);
  const signal = AbortSignal.any([look.signal, limit]);
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([check.run({ host, look, patience: { signal } }), over]);
  } catch (error) {
    if (limit.aborted) return [late(check)];
    return [failure(check, error)];
  }
}

const late = ({ topic, limit }: Check): Finding => ({
  topic,
  level: topic === reach.topic ? "problem" : "unknown",
  found: `no answer within ${limit} s`,
  remedy: "See whether the daemon on the host hangs, and restart it if it does.",
});

/** A host that is not reached is a problem; any other check that fails has found nothing out. */
function failure({ topic }: Check, error: unknown): Finding {
  const { fact, hint } = placed(error, {});
  const level = topic === reach.topic ? "problem" : "unknown";
  const found = isProviderError(error) ? fact : `the check failed: ${fact}`;
  return { topic, level, found, remedy: hint };
}
