import type { Difference } from "../../../core/compare.js";
import type { Driver, Verdict } from "../../../core/driver.js";
import { showBytes } from "../../../core/units.js";
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

/** Disks come and go while it runs; one that stays cannot become another one under the guest. */
const disks: Judge = ({ field, element, before, after }, now, wanted) => {
  if (field === "(order)")
    return wanted.disks[0]?.name === now?.properties.disks?.[0]?.name ? LIVE : restart("another disk boots");
  if (field !== undefined) return restart("a disk in use cannot change under the guest");
  const first = now?.properties.disks?.[0]?.name;
  if (after === undefined && element === first) return restart("it is the disk that booted");
  if (after === undefined && staysPaused(now, wanted)) return HELD;
  return before === undefined && after !== undefined && element === wanted.disks[0]?.name && first !== undefined
    ? restart("another disk boots")
    : LIVE;
};

/** Interfaces come and go; another model or MAC is another device. */
const networks: Judge = ({ field, after }, now, wanted) =>
  staysPaused(now, wanted) && (after === undefined || field === "model" || field === "mac") ? HELD : LIVE;

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
