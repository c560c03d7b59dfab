import { ProviderError } from "../../core/errors.js";

/** The refusal of a URI. */
export const wrong = (text: string, what: string, hint?: string): ProviderError =>
  new ProviderError("invalid", `"${text}" ${what}`, {
    where: { property: "crossvisor:uri" },
    hint: hint ?? "Use qemu:///system, qemu:///session, qemu+ssh://user@host/system or qemu+tls://host/system.",
  });

/** A part of a URI without its percent signs. */
export function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong(text, `has "${part}", where a % is not followed by the code of a character`, "Write %25 for a %.");
  }
}
