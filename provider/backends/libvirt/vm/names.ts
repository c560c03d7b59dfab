import type { Notes } from "./notes.js";
import type { DeclaredNic } from "./types.js";

/**
 * The names of a machine's interfaces, by MAC. Our notes say them; an interface without a note is the declared one with
 * its MAC. On a machine that carries no notes at all (an adopted one) the declared interfaces without a MAC are the
 * existing ones in their order, so that adopting a machine does not exchange its interfaces.
 */
export function nicNames(
  macs: readonly string[],
  notes: Notes | undefined,
  declared: readonly DeclaredNic[] | undefined = [],
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const mac of macs) {
    const name = notes?.nics.find((n) => n.mac === mac)?.name ?? declared.find((n) => n.mac === mac)?.name;
    if (name !== undefined) names.set(mac, name);
  }
  const taken = new Set(names.values());
  const free = notes === undefined ? declared.filter((n) => n.mac === undefined && !taken.has(n.name)) : [];
  for (const mac of macs) if (!names.has(mac)) names.set(mac, free.shift()?.name ?? `nic-${mac.replaceAll(":", "")}`);
  return names;
}
