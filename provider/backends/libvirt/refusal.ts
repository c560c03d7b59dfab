import { ProviderError } from "../../core/errors.js";
import type { Problem } from "../../core/kind.js";

/**
 * What a preview would have said, as the refusal of a step: somebody else was faster, or nobody previewed. The reason's
 * last part, behind a colon, is the remedy.
 *
 * @throws `exists`, or the given code, for the first problem, if there is one.
 */
export function refuse(problems: readonly Problem[], code: "exists" | "invalid" = "exists"): void {
  const [first] = problems;
  if (first === undefined) return;
  const { path: property, reason } = first;
  const at = reason.lastIndexOf(": ");
  const [fact, remedy] = at < 0 ? [reason, "choose another one"] : [reason.slice(0, at), reason.slice(at + 2)];
  const hint = `${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}.`;
  throw new ProviderError(code, fact, { where: { property }, hint });
}

/** Another object has the UUID that this one would get: the one made for this declaration got another name, or was copied. */
export const sameUuid = (name: string): string => `"${name}" on the host has the UUID of this one`;
export const SAME_UUID_HINT = "give that one its old name back, set adopt to its name, or choose another name";
