import type { Step } from "../../../core/driver.js";
import { ProviderError } from "../../../core/errors.js";
import type { HypervHost } from "../host.js";
import { getMachine, removeMachine, stopMachine } from "../requests/machine.js";
import { readMark } from "./mark.js";
import { isUp } from "./read.js";
import type { MachineInputs } from "./types.js";

const SHUTDOWN: MachineInputs["shutdown"] = { method: "auto", timeout: 60, onTimeout: "force" };

/** Stops it by the declared policy and removes it with its first-boot CD; its disks stay. */
export async function remove(
  host: HypervHost,
  id: string,
  { shutdown, allowSnapshotLoss = false }: Partial<MachineInputs>,
  { report, signal }: Step,
): Promise<void> {
  const machine = await getMachine(host.agent, id);
  if (machine === undefined) return;
  const [snapshot] = machine.snapshots;
  if (snapshot !== undefined && !allowSnapshotLoss)
    throw new ProviderError("invalid", `it has the checkpoint "${snapshot.name}", which would go with it`, {
      where: { property: "allowSnapshotLoss" },
      hint: "Set allowSnapshotLoss to true and run an update first, or remove the checkpoints on the host.",
    });
  const { timeout, onTimeout } = { ...SHUTDOWN, ...shutdown };
  if (isUp(machine.state)) {
    report(`waiting up to ${timeout} s for the guest to shut down`);
    await stopMachine(host.agent, id, { seconds: timeout, force: onTimeout === "force" }, { signal });
  }
  const { seed, leftover } = readMark(machine.notes).mark ?? {};
  const files = [seed?.path, leftover].filter((path) => path !== undefined);
  await removeMachine(host.agent, id, { snapshots: allowSnapshotLoss, files }, { signal });
}
