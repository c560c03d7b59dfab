import { type Code, ProviderError } from "../../../core/errors.js";

/** What the agent refused by itself, as a sentence. `f` gives a fact by its name, as text. */
interface Refusal {
  readonly code: Code;
  fact(f: (name: string) => string): string;
  readonly hint?: string;
}

const REFUSALS: Readonly<Record<string, Refusal>> = {
  NoRequest: { code: "bug", fact: (f) => `the agent has no request ${f("request")}` },
  StrayOutput: { code: "bug", fact: (f) => `the request ${f("request")} answered more than one thing` },
};

/** The error for an id of the agent's own, which stands in its scripts after `Stop-Cv`. */
export function refusal(id: string, facts: Readonly<Record<string, unknown>>, cause: Error): ProviderError {
  const known = REFUSALS[id];
  if (known === undefined)
    return new ProviderError("bug", `the agent refused with ${id}, which has no sentence`, { cause });
  const text = (name: string): string => String(facts[name] ?? "");
  return new ProviderError(known.code, known.fact(text), { hint: known.hint, cause });
}

/** Every id that has a sentence. */
export const refusalIds: readonly string[] = Object.keys(REFUSALS);
