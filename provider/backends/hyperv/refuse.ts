import { ProviderError } from "../../core/errors.js";
import type { Problem } from "../../core/kind.js";

/** What a preview would have said, when a step finds it. @throws `invalid`, and `exists` for what somebody else has. */
export function refuse([problem]: readonly Problem[]): void {
  if (problem === undefined) return;
  const taken = problem.path === "name";
  throw new ProviderError(taken ? "exists" : "invalid", problem.reason, { where: { property: problem.path } });
}
