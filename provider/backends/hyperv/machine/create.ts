import type { Step } from "../../../core/driver.js";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import type { HypervHost } from "../host.js";
import { refuse } from "../refuse.js";
import { removeFile } from "../requests/file.js";
import { createMachine, pauseMachine, removeMachine, startMachine } from "../requests/machine.js";
import type { MachineView } from "../view.js";
import { examine, isHalfMade, isOurs, machineNamed } from "./examine.js";
import { readMark } from "./mark.js";
import { stateOf } from "./read.js";
import { claimantOf, resolveNics } from "./resolve.js";
import { seedOf, uploadSeed } from "./seed.js";
import type { MachineInputs } from "./types.js";
import { addressWait } from "./wait.js";
import { newMachine, placedDisks, type Resolved, seedFolder } from "./write.js";

/** How often a machine chooses anew when another process of the host was first. */
const CHOICES = 10;

/**
 * Makes a machine, or goes on with one that a broken-off attempt of the same owner made: three requests (the inventory,
 * the machine, its start) beside the facts of the host and the upload of the first-boot data.
 */
export async function create(host: HypervHost, wanted: MachineInputs, step: Step): Promise<void> {
  if (wanted.adopt !== undefined) return step.made(adopted((await host.view()).machines, wanted.adopt));
  try {
    const machine = (await earlier(host, wanted)) ?? (await make(host, wanted, step));
    step.made(machine.id);
    await reach(host, machine, wanted, step);
  } finally {
    host.claims.release(claimantOf(wanted));
  }
}

function adopted(machines: readonly MachineView[], word: string): string {
  const found = machineNamed(machines, word);
  if (found !== undefined) return found.id;
  throw new ProviderError("invalid", `"${word}" is no virtual machine of the host`, {
    where: { property: "adopt" },
    hint: "Give the name or id of one that `Get-VM` shows.",
  });
}

/** What an earlier attempt of the same owner made. */
const earlier = async (host: HypervHost, wanted: MachineInputs): Promise<MachineView | undefined> =>
  (await host.view()).machines.find((m) => isOurs(m, wanted));

/** What an attempt that was broken off left half-made is taken away: it has never run. */
async function clear(host: HypervHost, wanted: MachineInputs, signal: AbortSignal): Promise<void> {
  const halves = (await host.view()).machines.filter((m) => isHalfMade(m, wanted));
  if (halves.length === 0) return;
  await host.change(async () => {
    for (const { id } of halves) await removeMachine(host.agent, id, { snapshots: false, files: [] }, { signal });
  });
}

/**
 * Where another process was first, the host is looked at anew: what was declared is refused by its property then, and what
 * was chosen is chosen again.
 */
async function make(
  host: HypervHost,
  wanted: MachineInputs,
  step: Step,
  choices: number = CHOICES,
): Promise<MachineView> {
  await clear(host, wanted, step.signal);
  refuse(await examine(host, wanted, undefined));
  const { hyperV, nameServers } = await host.facts();
  const folder = hyperV?.machinePath;
  if (folder === undefined) throw new ProviderError("unsupported", "the host does not say where it keeps machines");
  const nics = resolveNics(host, { ...(await host.view()), nameServers }, wanted, undefined);
  const seed = seedOf(wanted, nics, seedFolder(folder));
  const machine: Resolved = { inputs: wanted, disks: placedDisks(wanted), nics, seed };
  if (seed !== undefined) await uploadSeed(host, seed, step.signal);
  try {
    return await createMachine(host.agent, newMachine(machine, folder), { signal: step.signal });
  } catch (error) {
    // A lost answer: the next attempt finds the machine by its mark, and its seed is in it.
    if (isProviderError(error, "dropped", "timeout", "unreachable")) throw error;
    return host.change(async () => {
      const there = isProviderError(error, "exists") ? await earlier(host, wanted) : undefined;
      if (there !== undefined) return there;
      if (seed !== undefined) await removeFile(host.agent, seed.path).catch(() => undefined);
      if (choices === 1 || !isProviderError(error, "exists")) throw error;
      host.claims.release(claimantOf(wanted));
      return make(host, wanted, step, choices - 1);
    });
  }
}

/** Brings a machine that is off to the declared power state, and waits for its address where that is declared. */
async function reach(host: HypervHost, machine: MachineView, wanted: MachineInputs, step: Step): Promise<void> {
  const { powerState } = wanted;
  const { signal } = step;
  if (powerState === "stopped" || stateOf(machine.state) === "running") return;
  step.report("starting");
  await startMachine(host.agent, machine.id, { signal });
  if (powerState === "paused") await pauseMachine(host.agent, machine.id, { signal });
  await addressWait(host, machine.id, { wanted, mark: readMark(machine.notes).mark }, step);
}
