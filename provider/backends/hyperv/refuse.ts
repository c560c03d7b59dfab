import { ProviderError } from "../../core/errors.js";
import type { Problem } from "../../core/kind.js";

/** What is wrong, as a phrase, and its remedy, as a sentence. */
export interface Fault {
  readonly fact: string;
  readonly hint: string;
}

/** A fault as a preview says it. */
export const reasonOf = ({ fact, hint }: Fault): string =>
  `${fact}: ${hint.charAt(0).toLowerCase()}${hint.slice(1).replace(/\.$/, "")}`;

/** What a preview would have said, when a step finds it. @throws `invalid`, and `exists` for what somebody else has. */
export function refuse([problem]: readonly Problem[]): void {
  if (problem === undefined) return;
  const { path, reason } = problem;
  const [, fact = reason, remedy] = /^(.*?): (.*)$/s.exec(reason) ?? [];
  const hint = remedy === undefined ? undefined : `${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}.`;
  throw new ProviderError(path === "name" ? "exists" : "invalid", fact, { where: { property: path }, hint });
}
