import type { Difference } from "../../../core/compare.js";
import type { Driver, Verdict } from "../../../core/driver.js";
import { showBytes } from "../../../core/units.js";
import { bootsSame, renaming, type Sides } from "../../renamed.js";
import type { Machine, MachineInputs, MachineObserved } from "./types.js";

type Judge = (change: Difference, now: MachineObserved | undefined, wanted: MachineInputs) => Verdict;

const LIVE: Verdict = { effect: "live" };
/** Whether there is a guest that a change could touch: running, paused or suspended. */
export const runs = (now: MachineObserved | undefined): boolean =>
  now !== undefined && now.outputs.state !== "stopped" && now.outputs.state !== "crashed";

/** A change of a machine that does not run, or that shall not run any longer, restarts nothing. */
const whenRunning =
  (judge: Judge): Judge =>
  (change, now, wanted) =>
    runs(now) && wanted.powerState !== "stopped" ? judge(change, now, wanted) : LIVE;

const restart = (because: string): Verdict => ({ effect: "restart", because });

/**
 * Processors can be plugged in. Taking one away is asked of the guest, and libvirt 9.0 does not notice when QEMU has
 * removed it (measured: the guest and QEMU have one, libvirt goes on to count two), so that is a restart.
 */
const cpus: Judge = ({ before, after }, now) => {
  const most = now?.properties.maxCpus ?? 0;
  if (typeof after !== "number") return restart("the number is not known yet");
  if (after > most) return restart(`maxCpus is ${most} since the last start`);
  return typeof before === "number" && after >= before ? LIVE : restart("a running guest keeps its processors");
};

const memory: Judge = ({ after }, now) => {
  const most = now?.properties.maxMemory ?? 0;
  if (typeof after === "number" && after > most) return restart(`maxMemory is ${showBytes(most)} since the last start`);
  return typeof after === "number" ? LIVE : restart("the size is not known yet");
};

/** Whether a guest is and stays paused: then it cannot release a device. One that shall go on does so first. */
const staysPaused = (now: MachineObserved | undefined, wanted: MachineInputs): boolean =>
  now?.outputs.state === "paused" && wanted.powerState === "paused";
const HELD = restart("a paused guest cannot release a device");

/** A file keeps its device in the definition as long as that is of the same sort: see `resolveDisks`. */
const DEVICE: Pick<Sides, "isSame" | "fixed"> = {
  isSame: (was, will) =>
    (was.volume ?? was.path) === (will.volume ?? will.path) && (was.bus === "virtio") === (will.bus === "virtio"),
  fixed: ["bus", "readOnly", "format"],
};

/** Disks come and go while it runs, and get other names; one that stays cannot become another one under the guest. */
const disks: Judge = ({ field, element, before, after }, now, wanted) => {
  const sides = { ...DEVICE, was: now?.properties.disks ?? [], will: wanted.disks };
  if (field === "(order)") return bootsSame(sides) ? LIVE : restart("another disk boots");
  if (field !== undefined) return restart("a disk in use cannot change under the guest");
  const verdict = renaming(sides, element);
  if (verdict !== undefined) return verdict;
  const first = sides.was[0]?.name;
  if (after === undefined && element === first) return restart("it is the disk that booted");
  if (after === undefined && staysPaused(now, wanted)) return HELD;
  return before === undefined && after !== undefined && element === wanted.disks[0]?.name && first !== undefined
    ? restart("another disk boots")
    : LIVE;
};

/** Interfaces come and go; another model or MAC is another device, another name is not. */
const networks: Judge = ({ field, element, after }, now, wanted) => {
  const was = now?.properties.networks?.find((n) => n.name === element);
  const isRenamed = wanted.networks.some((n) => n.mac !== undefined && n.mac === was?.mac && n.model === was.model);
  const goes = after === undefined && !isRenamed;
  return staysPaused(now, wanted) && (goes || field === "model" || field === "mac") ? HELD : LIVE;
};

const acceleration: Judge = ({ after }, now) => {
  const is = now?.properties.acceleration;
  return after === "auto" || after === is ? LIVE : restart("the guest moves to another kind of processor");
};

/** What each change does to a machine: from libvirt-rpc measurements on 9.0.0 (QEMU 7.2), not from documentation. */
export const effects: Driver<Machine, never>["effects"] = {
  cpus: whenRunning(cpus),
  memory: whenRunning(memory),
  maxCpus: whenRunning(() => restart("the maximum is set when it starts")),
  maxMemory: whenRunning(() => restart("the maximum is set when it starts")),
  firmware: whenRunning(() => restart("firmware is chosen when it starts")),
  secureBoot: whenRunning(() => restart("firmware is chosen when it starts")),
  tpm: whenRunning(() => restart("the device is built in when it starts")),
  acceleration: whenRunning(acceleration),
  disks: whenRunning(disks),
  networks: whenRunning(networks),
};
