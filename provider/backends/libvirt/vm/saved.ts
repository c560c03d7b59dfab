import { isProviderError } from "../../../core/errors.js";
import type { Problem } from "../../../core/kind.js";
import { firstChange, savedProblem } from "../../saved.js";
import type { LibvirtHost } from "../host.js";
import { domains } from "../rpc/procedures/domain.js";
import { domainRef } from "../rpc/types.js";
import type { MachineInputs, MachineObserved } from "./types.js";

/** What no definition says. */
const BESIDE: ReadonlySet<string> = new Set(["autostart", "powerState"]);

/**
 * A machine that was saved (`virsh managedsave`, a host's shutdown) goes on at its next start as it was, whatever its
 * definition says by then, the description included (measured, 9.0.0). So nothing of it changes until it has gone on, or
 * its owner drops what was saved. One call, for a machine that does not run and would be changed.
 */
export async function savedProblems(
  host: LibvirtHost,
  wanted: Partial<MachineInputs>,
  now: MachineObserved | undefined,
): Promise<Problem[]> {
  if (now === undefined || now.outputs.state !== "stopped") return [];
  const path = firstChange(wanted, now.properties, BESIDE);
  if (path === undefined || !(await isSaved(host, now))) return [];
  const name = now.properties.name ?? now.id;
  return [savedProblem(path, `virsh start "${name}"`, `virsh managedsave-remove "${name}"`)];
}

async function isSaved({ session }: LibvirtHost, { id, properties }: MachineObserved): Promise<boolean> {
  try {
    return await session.call(domains.hasManagedSave, { dom: domainRef(properties.name ?? "", id), flags: 0 });
  } catch (error) {
    if (isProviderError(error, "not-found", "unsupported")) return false;
    throw error;
  }
}
