import type { Observed } from "../../core/driver.js";
import type { InputsOf, Problem } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";
import type { LibvirtHost } from "./host.js";
import { isOurUuid } from "./identity.js";
import { refOf } from "./volume-lookup.js";
import { overlaysOf, usesOf } from "./volume-use.js";

/**
 * A replacement deletes what is there, which is refused while somebody else uses it: said at preview. What a program made
 * over the volume or with it is not counted: it refers to the volume, so it is replaced before, and where it does not
 * the deletion refuses.
 */
export async function usedByOthers(
  host: LibvirtHost,
  wanted: Partial<InputsOf<Kinds["Volume"]>>,
  { id, properties, outputs }: Observed<Kinds["Volume"]>,
): Promise<readonly Problem[]> {
  const [overlays, uses, secrets] = await Promise.all([
    overlaysOf(host, outputs.path),
    usesOf(host, outputs.path, refOf(id)),
    host.inventory.secrets(),
  ]);
  const marked = new Set(secrets.map(({ usageID }) => usageID));
  const overlay = overlays.find(({ key }) => !marked.has(key));
  const machine = uses.find(({ domain }) => !isOurUuid(domain.uuid));
  const user =
    machine === undefined
      ? overlay && `the volume "${overlay.pool}/${overlay.name}" lies over it`
      : `the virtual machine "${machine.domain.name}" has it as a disk`;
  if (user === undefined) return [];
  const path = (["name", "format", "base"] as const).find((p) => wanted[p] !== properties[p]) ?? "pool";
  return [{ path, reason: `cannot change: the volume would be replaced, and ${user}: take it out of use first` }];
}
