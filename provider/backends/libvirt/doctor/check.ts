import { isProviderError, placed } from "../../../core/errors.js";
import type { Finding, Level, Look } from "../../../core/finding.js";
import type { LibvirtHost } from "../host.js";
import type { Patience } from "../rpc/limit.js";

/** What a check works with. */
export interface Subject {
  readonly host: LibvirtHost;
  readonly look: Look;
  /** Of each call of the check: it ends with the check's time, and with the whole look. */
  readonly patience: Patience;
}

/** One topic of the look at a host. */
export interface Check {
  readonly topic: string;
  /** Seconds it may take; what it has not found by then is `unknown`. */
  readonly limit: number;
  /** What it means when the time is over; default: that nothing is known. */
  readonly late?: Finding;
  /** Whether the test driver, which pretends, has it too. */
  readonly pretended?: boolean;
  run(subject: Subject): Promise<readonly Finding[]>;
}

/** What a check found, as one list without the gaps. */
export const findings = (...found: readonly (Finding | undefined)[]): readonly Finding[] =>
  found.filter((finding) => finding !== undefined);

/** A refusal of the daemon as a finding: its own words, and its remedy. What is no answer of the host is thrown on. */
export function refused(topic: string, level: Level, error: unknown): Finding {
  if (!isProviderError(error)) throw error;
  const { fact, hint } = placed(error, {});
  return { topic, level, found: fact, remedy: hint };
}

/** "a, b and c". */
export const enumeration = (words: readonly string[]): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
