import { isDeepStrictEqual } from "node:util";
import type { Change, Step, Update } from "../../../core/driver.js";
import { ProviderError } from "../../../core/errors.js";
import type { HypervHost } from "../host.js";
import { samePath } from "../paths.js";
import {
  getMachine,
  type MachineChange,
  pauseMachine,
  type Sole,
  startMachine,
  stopMachine,
  updateMachine,
} from "../requests/machine.js";
import type { DriveView, MachineView } from "../view.js";
import { cdPlaces, drivesByName, isAt, layered, pathOf, placed } from "./layout.js";
import { type MachineMark, readMark } from "./mark.js";
import { isUp, stateOf } from "./read.js";
import { claimantOf, type Nic, resolveNics } from "./resolve.js";
import { seedOf, uploadSeed } from "./seed.js";
import type { Machine, MachineInputs } from "./types.js";
import { addressWait } from "./wait.js";
import {
  driveOf,
  firmwareOf,
  markOf,
  memoryOf,
  nicOf,
  type Resolved,
  seedFolder,
  settingsOf,
  soleOf,
  vlanOf,
} from "./write.js";

/** Brings a machine to what is wanted: stopped before where that is needed, changed in one request, started again. */
export async function update(host: HypervHost, { id, wanted, changes }: Update<Machine>, step: Step): Promise<void> {
  const now = await getMachine(host.agent, id);
  if (now === undefined) throw new ProviderError("not-found", `the virtual machine ${id} is gone from the host`);
  const { mark } = readMark(now.notes);
  const machine = await resolved(host, now, wanted, mark);
  try {
    await carryOut(host, { now, mark, machine, changes }, step);
  } finally {
    host.claims.release(claimantOf(wanted));
  }
}

interface Work {
  readonly now: MachineView;
  readonly mark: MachineMark | undefined;
  readonly machine: Resolved;
  readonly changes: readonly Change[];
}

async function resolved(
  host: HypervHost,
  now: MachineView,
  wanted: MachineInputs,
  mark: MachineMark | undefined,
): Promise<Resolved> {
  const view = await host.view();
  const drives = drivesByName(now, marksOf(now, wanted, mark));
  const known = new Set([...drives.values()].map(({ id }) => id));
  const foreign = now.disks.filter((d) => !known.has(d.id) && mark !== undefined && !isMarked(mark, d.path));
  const { hyperV, nameServers } = await host.facts();
  const nics = resolveNics(host, { ...view, nameServers }, wanted, now);
  const folder = hyperV?.machinePath ?? now.path;
  return {
    inputs: wanted,
    disks: placed(now.generation, wanted.disks, drives, foreign),
    nics,
    seed: seedOf(wanted, nics, seedFolder(folder)),
  };
}

const isMarked = (mark: MachineMark, path: string): boolean => mark.disks.some((d) => samePath(d.path, path));

/**
 * A machine that is taken over carries no marks: a disk is the declared one with the same file. So is one whose name is
 * declared no more.
 */
const marksOf = (now: MachineView, wanted: MachineInputs, mark: MachineMark | undefined) =>
  mark?.disks.map((noted) => {
    const stays = wanted.disks.some(({ name }) => name === noted.name);
    const heir = stays ? undefined : wanted.disks.find((disk) => samePath(pathOf(disk), noted.path));
    return heir === undefined || mark.disks.some(({ name }) => name === heir.name)
      ? noted
      : { ...noted, name: heir.name };
  }) ??
  wanted.disks.flatMap((disk) => {
    const path = pathOf(disk);
    return now.disks.some((d) => samePath(d.path, path))
      ? [{ name: disk.name, path, spelling: "volume" as const }]
      : [];
  });

async function carryOut(host: HypervHost, work: Work, step: Step): Promise<void> {
  const { now, machine, changes } = work;
  const { inputs: wanted, seed } = machine;
  const { signal } = step;
  const steps = stepsOf(work);
  const restarts = changes.some((c) => c.effect === "restart");
  const up = isUp(now.state);
  const stops = up && (restarts || wanted.powerState === "stopped");
  if (seed !== undefined && seed.path !== work.mark?.seed?.path) await uploadSeed(host, seed, signal);
  if (stops) await stop(host, now, wanted, step);
  if (steps.length > 0) await updateMachine(host.agent, now.id, { changes: steps, sole: claimed(work) }, { signal });
  const starts = wanted.powerState !== "stopped" && (!up || stops);
  if (starts) {
    step.report(stops ? "starting again" : "starting");
    await startMachine(host.agent, now.id, { signal });
    if (wanted.powerState === "paused") await pauseMachine(host.agent, now.id, { signal });
  } else if (up && !stops) await reachPower(host, now, wanted, signal);
  if (starts) await addressWait(host, now.id, { wanted, mark: markOf(machine) }, step);
}

async function stop(host: HypervHost, now: MachineView, { shutdown }: MachineInputs, { report, signal }: Step) {
  const { timeout, onTimeout } = shutdown;
  report(`waiting up to ${timeout} s for the guest to shut down`);
  await stopMachine(host.agent, now.id, { seconds: timeout, force: onTimeout === "force" }, { signal });
}

async function reachPower(host: HypervHost, now: MachineView, { powerState }: MachineInputs, signal: AbortSignal) {
  const state = stateOf(now.state);
  if (powerState === "paused" && state === "running") await pauseMachine(host.agent, now.id, { signal });
  if (powerState === "running" && state === "paused") await startMachine(host.agent, now.id, { signal });
}

/** The changes of one request, in an order in which what goes makes room for what comes. */
function stepsOf(work: Work): readonly MachineChange[] {
  const { now, machine, changes } = work;
  const { inputs: wanted } = machine;
  const has = (...names: string[]) => changes.some(({ property }) => names.includes(property));
  const steps: MachineChange[] = [];
  if (has("name")) steps.push({ what: "name", with: { name: wanted.name } });
  if (has("cpus")) steps.push({ what: "processor", with: { cpus: wanted.cpus } });
  if (has("memory", "dynamicMemory")) steps.push({ what: "memory", with: memoryOf(wanted) });
  steps.push(...diskSteps(work), ...cdSteps(work), ...nicSteps(work));
  if (now.generation === 2 && (has("secureBoot", "guest") || bootChanges(work)) && !isUpAfter(work))
    steps.push({ what: "firmware", with: firmwareOf(machine) });
  if (has("tpm")) steps.push({ what: "tpm", with: { wanted: wanted.tpm } });
  steps.push(...seedSteps(work));
  const settings = settingsOf(machine);
  if (settings.notes !== now.notes || has("autostart")) steps.push({ what: "settings", with: settings });
  return steps;
}

/** What the machine has not had before and no other may have. */
function claimed({ now, mark, machine }: Work): Sole | undefined {
  const wanted = soleOf(machine.inputs.name, machine.nics);
  return isDeepStrictEqual(wanted, soleOf(now.name, mark?.nics ?? [])) ? undefined : wanted;
}

/** Whether the machine is up while it is changed. */
const isUpAfter = ({ now, machine, changes }: Work): boolean =>
  isUp(now.state) && machine.inputs.powerState !== "stopped" && !changes.some((c) => c.effect === "restart");

const bootChanges = ({ changes }: Work): boolean => changes.some(({ property }) => property === "disks");

function diskSteps({ now, machine, mark }: Work): readonly MachineChange[] {
  const stays = (path: string, place: Parameters<typeof isAt>[1]) =>
    now.disks.some((d) => samePath(d.path, path) && isAt(d, place));
  const gone = now.disks.filter(
    (drive) =>
      (mark === undefined || isMarked(mark, drive.path) || machine.disks.some((d) => samePath(d.path, drive.path))) &&
      !machine.disks.some((d) => samePath(d.path, drive.path) && isAt(drive, d)),
  );
  refuseLayered(now, mark, gone);
  return [
    ...gone.map(({ id }): MachineChange => ({ what: "disk.remove", with: { id } })),
    ...machine.disks
      .filter((d) => !stays(d.path, d))
      .map((d): MachineChange => ({ what: "disk.add", with: driveOf(d) })),
  ];
}

/** @throws `invalid` for a drive whose disk would come back without what was written since a checkpoint. */
function refuseLayered(now: MachineView, mark: MachineMark | undefined, gone: readonly DriveView[]): void {
  const drive = gone.find(({ layer }) => layer !== undefined);
  if (drive === undefined) return;
  const name = mark?.disks.find((d) => samePath(d.path, drive.path))?.name ?? drive.path;
  const { fact, hint } = layered(name, now.name);
  throw new ProviderError("invalid", fact, { where: { property: "disks" }, hint });
}

function cdSteps({ now, machine }: Work): readonly MachineChange[] {
  const cds = cdPlaces(now.generation);
  const wanted = { seed: machine.seed?.path ?? "", cdrom: machine.inputs.cdrom ?? "" };
  return (["seed", "cdrom"] as const).flatMap((which): MachineChange[] => {
    const { number, location } = cds[which];
    const drive = now.dvds.find((d) => isAt(d, cds[which]));
    const path = wanted[which];
    if (drive === undefined) return path === "" ? [] : [{ what: "dvd.add", with: { number, location, path } }];
    return samePath(drive.path, path) ? [] : [{ what: "dvd.set", with: { id: drive.id, path } }];
  });
}

/** Deletes first-boot CDs that the guest has no more. The notes tell of each until it is gone: what breaks off is gone on with. */
function seedSteps({ mark, machine }: Work): readonly MachineChange[] {
  const old = (path: string | undefined) => (path === machine.seed?.path ? undefined : path);
  const [leftover, replaced] = [old(mark?.leftover), old(mark?.seed?.path)];
  const remove = (path: string): MachineChange => ({ what: "file.remove", with: { path } });
  return [
    ...(leftover === undefined ? [] : [remove(leftover)]),
    ...(replaced === undefined
      ? []
      : [{ what: "settings", with: settingsOf(machine, replaced) } as const, remove(replaced)]),
  ];
}

function nicSteps({ now, machine, mark }: Work): readonly MachineChange[] {
  const named = (name: string) => now.nics.find((n) => n.name === name);
  const gone = now.nics.filter(
    (nic) =>
      !machine.nics.some((n) => n.name === nic.name) &&
      (mark === undefined || mark.nics.some((n) => n.name === nic.name)),
  );
  return [
    ...gone.map(({ id }): MachineChange => ({ what: "nic.remove", with: { id } })),
    ...machine.nics.flatMap((nic) => {
      const there = named(nic.name);
      return there === undefined ? [{ what: "nic.add", with: nicOf(nic) } as const] : changesOf(nic, there);
    }),
  ];
}

function changesOf(nic: Nic, there: MachineView["nics"][number]): readonly MachineChange[] {
  const steps: MachineChange[] = [];
  const { id } = there;
  if (there.mac !== nic.mac)
    steps.push({ what: "nic.mac", with: { id, mac: nic.mac.replaceAll(":", "").toUpperCase() } });
  if (!nic.connected && there.switchId !== "") steps.push({ what: "nic.disconnect", with: { id } });
  const moves = nic.connected && there.switchId !== nic.switchId;
  const tagged = there.vlan.mode === "Access" ? there.vlan.access : undefined;
  const retags = tagged !== nic.vlan;
  if (moves || retags)
    steps.push({
      what: "nic.set",
      with: { id, switchId: moves ? nic.switchId : undefined, vlan: retags ? vlanOf(nic) : undefined },
    });
  return steps;
}
