import type { Difference } from "../../../core/compare.js";
import type { Driver, Verdict } from "../../../core/driver.js";
import { isFields } from "../../../core/values.js";
import { bootsSame, renaming, type Sides } from "../../renamed.js";
import { samePath } from "../paths.js";
import { pathOf } from "./layout.js";
import type { Machine, MachineInputs, MachineObserved } from "./types.js";

type Judge = (change: Difference, now: MachineObserved | undefined, wanted: MachineInputs) => Verdict;

const LIVE: Verdict = { effect: "live" };
const restart = (because: string): Verdict => ({ effect: "restart", because });

/** Whether there is a guest that a change could touch: running, paused or on the way between. */
export const runs = (now: MachineObserved | undefined): boolean =>
  now?.outputs.state === "running" || now?.outputs.state === "paused";

/** A change of a machine that does not run, or that shall not run any longer, restarts nothing. */
const whenRunning =
  (judge: Judge): Judge =>
  (change, now, wanted) =>
    runs(now) && wanted.powerState !== "stopped" ? judge(change, now, wanted) : LIVE;

const whileOff = (what: string): Judge => whenRunning(() => restart(`${what} while it is off`));

/** Static memory grows and shrinks under a guest since Server 2016, with the guest's help. */
const memory: Judge = ({ after }, now) => {
  if (typeof after !== "number") return restart("the size is not known yet");
  return now?.properties.dynamicMemory === undefined ? LIVE : restart("dynamic memory starts with it");
};

/** Only a wider range is taken while it runs (Set-VMMemory). Without a minimum it is the memory that it starts with. */
const dynamicMemory: Judge = ({ field, before, after }, _now, { memory }) => {
  if (field === undefined) return restart("dynamic memory is switched while it is off");
  const wider =
    (field === "minimum" && Number(after ?? memory) <= Number(before ?? memory)) ||
    (field === "maximum" && Number(after) >= Number(before));
  return wider ? LIVE : restart("a running guest takes only a lower minimum and a higher maximum");
};

/** A drive stays at its place on its controller. */
const DEVICE: Pick<Sides, "isSame" | "fixed"> = {
  isSame: (was, will) => samePath(pathOf(was), pathOf(will)) && (was.bus === "sata") === (will.bus === "sata"),
  fixed: [],
};

/** A disk on SCSI comes and goes while the machine runs; one that stays cannot become another one under the guest. */
const disks: Judge = ({ field, element, before, after }, now, wanted) => {
  const sides = { ...DEVICE, was: now?.properties.disks ?? [], will: wanted.disks };
  const first = sides.was[0]?.name;
  if (field === "(order)") return bootsSame(sides) ? LIVE : restart("another disk boots");
  if (field === "bus" && isSameBus(before, after)) return LIVE;
  if (field !== undefined) return restart("a disk in use cannot change under the guest");
  const verdict = renaming(sides, element);
  if (verdict !== undefined) return verdict;
  if (after === undefined && element === first) return restart("it is the disk that booted");
  if (before === undefined && element === wanted.disks[0]?.name && first !== undefined)
    return restart("another disk boots");
  return [before, after].some((d) => isFields(d) && d["bus"] === "sata")
    ? restart("IDE is changed while it is off")
    : LIVE;
};

const isSameBus = (before: unknown, after: unknown): boolean => before !== "sata" && after !== "sata";

/** Generation 2 takes interfaces while it runs; a MAC is set while the machine is off. */
const networks: Judge = ({ field, before, after }, now, wanted) => {
  if (field === "mac") return restart("a MAC is changed while it is off");
  if (field === "address") return LIVE;
  const plugged = field === undefined && (before === undefined || after === undefined);
  const first = (now?.properties.firmware ?? wanted.firmware) === "bios";
  return plugged && first ? restart('with firmware "bios" interfaces come and go while it is off') : LIVE;
};

/** The template of Secure Boot is chosen by the guest. */
const guest: Judge = (_change, now) =>
  now?.properties.secureBoot === true ? restart("the keys of Secure Boot are chosen while it is off") : LIVE;

/** What each change does to a machine; from Microsoft's documentation and recordings of real hosts (docs/hyperv.md). */
export const effects: Driver<Machine, never>["effects"] = {
  name: () => LIVE,
  cpus: whileOff("processors are set"),
  memory: whenRunning(memory),
  maxMemory: () => LIVE,
  dynamicMemory: whenRunning(dynamicMemory),
  firmware: () => ({ effect: "replace", because: "a machine of another generation is another machine" }),
  secureBoot: whileOff("Secure Boot is set"),
  tpm: whileOff("the device is built in"),
  acceleration: () => LIVE,
  guest: whenRunning(guest),
  disks: whenRunning(disks),
  networks: whenRunning(networks),
};
