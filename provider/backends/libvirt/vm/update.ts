import type { Change, Step, Update } from "../../../core/driver.js";
import { isProviderError } from "../../../core/errors.js";
import { release } from "../allotment.js";
import type { LibvirtHost } from "../host.js";
import { refuse } from "../refusal.js";
import { Define, DomainXml } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import { type DomainRef, domainRef } from "../rpc/types.js";
import { attribute, type Element, find, toText } from "../xml.js";
import { begin } from "./begin.js";
import { edit } from "./edit.js";
import { runs } from "./effects.js";
import { deviceProblems } from "./fit.js";
import { applyLive, SEED } from "./live.js";
import { describeDomain } from "./located.js";
import { type Notes, readNotes } from "./notes.js";
import { pause, resume, stop } from "./power.js";
import { chooseVirtualisation, resolveDisks, resolveNics } from "./resolve.js";
import { liveXml } from "./running.js";
import { deleteSeed, seedFor } from "./seed.js";
import { explainingStart } from "./start-error.js";
import type { Machine, MachineInputs, MachineObserved, Resolved, Virtualisation } from "./types.js";
import { addressWait } from "./wait.js";

interface Work {
  readonly host: LibvirtHost;
  readonly dom: DomainRef;
  readonly machine: Resolved;
  /** The definition as it was found. */
  readonly config: Element;
  readonly before: Notes | undefined;
  readonly changes: readonly Change[];
  readonly step: Step;
  /** Notes of what could not be changed. */
  readonly kept?: Partial<Notes>;
}

/**
 * Brings a machine to what is wanted. It is never undefined on the way: live changes are made on the running guest,
 * then its definition is written over; where a restart is needed the guest is stopped before its definition changes,
 * so that a guest that refuses to stop leaves everything as it was.
 */
export async function update(
  host: LibvirtHost,
  { id, observed, wanted, changes }: Update<Machine>,
  step: Step,
): Promise<void> {
  host.inventory.forget();
  const dom = domainRef(observed.properties.name ?? wanted.name, id);
  const config = await readConfig(host, dom);
  const before = readNotes(config);
  const machine = await resolveChanged(host, { id, wanted, config, before }, changes, step);
  const work: Work = { host, dom, machine, config, before, changes, step };
  try {
    await carryOut(work, observed);
  } catch (error) {
    await dropUnusedSeed(work);
    throw error;
  }
}

async function carryOut(work: Work, observed: MachineObserved): Promise<void> {
  const { host, dom, machine, changes, step } = work;
  const wanted = machine.inputs;
  const isUp = runs(observed);
  const restarts = changes.some((c) => c.effect === "restart");
  if (isUp && (restarts || wanted.powerState === "stopped"))
    await stop(host, await liveXml({ host, dom }), wanted.shutdown, step);
  // A paused guest releases no device: one that shall go on does so first.
  const wakes = isUp && !restarts && observed.outputs.state === "paused" && wanted.powerState === "running";
  if (wakes) await resume(host, dom);
  if (isUp && !restarts && wanted.powerState !== "stopped") await changeRunning(work);
  else await changeStopped(work);
  const has = (property: string) => changes.some((c) => c.property === property);
  if (has("autostart")) await host.session.call(domains.setAutostart, { dom, autostart: wanted.autostart });
  const starts = wanted.powerState !== "stopped" && (!isUp || restarts);
  const wait = starts ? await addressWait(host, machine, step) : async () => undefined;
  if (!wakes) await reachPowerState(work, starts, restarts);
  await tidy(work);
  await wait();
}

const readConfig = (host: LibvirtHost, dom: DomainRef): Promise<Element> =>
  describeDomain(host, dom, DomainXml.inactive);

interface Subject {
  readonly id: string;
  readonly wanted: MachineInputs;
  readonly config: Element;
  readonly before: Notes | undefined;
}

async function resolveChanged(
  host: LibvirtHost,
  { id, wanted, config, before }: Subject,
  changes: readonly Change[],
  step: Step,
): Promise<Resolved> {
  const existing = { config, notes: before };
  refuse(deviceProblems(config, wanted), "invalid");
  const virtualisation = changes.some((c) => c.property === "acceleration")
    ? await chooseVirtualisation(host, wanted.acceleration, step)
    : ((attribute(config, "type") ?? "qemu") as Virtualisation);
  const disks = await resolveDisks(host, wanted.disks, existing);
  const nics = await resolveNics(host, { uuid: id, name: wanted.name }, wanted.networks, existing);
  const seed = await seedFor(host, { uuid: id, inputs: wanted, nics, disk: disks[0] }, before?.seed);
  const arch = find(config, "os/type")?.getAttribute("arch") ?? "x86_64";
  return { uuid: id, inputs: wanted, virtualisation, arch, disks, nics, seed };
}

/** Live first, then the definition with what is in effect: a change that fails leaves no definition that lies. */
async function changeRunning(work: Work): Promise<void> {
  const done = new Set<string>();
  try {
    await applyLive(work, { changes: work.changes, seed: work.before?.seed }, async (property) => {
      if (property === "networks") await releaseAddresses(work);
      done.add(property);
    });
  } finally {
    const plugged = done.has("disks") || done.has("networks");
    if (done.size > 0) await redefine(inEffect(work, done), done, plugged ? await liveXml(work) : undefined);
  }
}

/**
 * What is in effect of a change that may have failed half-way. What was not done keeps its notes: the seed that the guest
 * has, the names of its devices, and the addresses that are to be given back.
 */
function inEffect(work: Work, done: ReadonlySet<string>): Work {
  const { before, changes, machine } = work;
  const failed = (property: string) => changes.some((c) => c.property === property) && !done.has(property);
  if (before === undefined) return work;
  const notes: Partial<Notes> = {
    ...(failed("tags") ? { tags: before.tags } : {}),
    ...(failed("guest") ? { guest: before.guest } : {}),
    ...(failed("disks") ? { disks: before.disks } : {}),
    ...(failed("networks") ? { nics: before.nics } : {}),
    ...(done.has(SEED) ? retiring(work) : { seed: before.seed }),
  };
  return { ...work, kept: notes, machine: done.has(SEED) ? machine : { ...machine, seed: before.seed } };
}

async function changeStopped(work: Work): Promise<void> {
  const changed = new Set(work.changes.map((c) => c.property));
  if (changed.has("networks")) await releaseAddresses(work);
  await redefine({ ...work, kept: retiring(work) }, changed);
}

/**
 * The note of the seed while the one before it still has to go: without a digest it is seen as not finished, so that the
 * next update begins anew where this one broke off.
 */
function retiring({ before, machine }: Work): Partial<Notes> {
  const { seed: old } = before ?? {};
  return old === undefined || old.path === machine.seed?.path ? {} : { seed: { ...(machine.seed ?? old), digest: "" } };
}

async function redefine(work: Work, changed: ReadonlySet<string>, live?: Element): Promise<void> {
  const { host, machine, config, kept } = work;
  const before = toText(config);
  edit(config, machine, changed, { live, kept });
  const xml = toText(config);
  if (xml === before) return;
  const write = () => host.session.call(domains.define, { xml, flags: Define.validate });
  try {
    await write();
  } catch (error) {
    if (!isProviderError(error, "dropped")) throw error;
    // A lost answer: writing the same definition twice is the same as once.
    await write();
  }
}

async function reachPowerState(
  { host, dom, machine, changes, step }: Work,
  starts: boolean,
  again: boolean,
): Promise<void> {
  const { powerState, firmware } = machine.inputs;
  if (starts) {
    step.report(again ? "starting again" : "starting");
    // Variables of another firmware would keep the guest from booting.
    const reset = firmware === "uefi" && changes.some((c) => ["firmware", "secureBoot"].includes(c.property));
    await explainingStart(host, machine, () => begin(host, { dom, machine, resetNvram: reset, signal: step.signal }));
  } else if (powerState !== "stopped" && changes.some((c) => c.property === "powerState")) {
    await (powerState === "paused" ? pause(host, dom) : resume(host, dom));
  }
}

/** The old seed, which nothing uses any more. */
async function tidy(work: Work): Promise<void> {
  const { host, machine, before, step } = work;
  if (before?.seed === undefined || before.seed.path === machine.seed?.path) return;
  await deleteSeed(host, before.seed, step.report);
  await redefine(work, new Set());
}

/**
 * The addresses of interfaces that are gone: before the definition says so, since it alone tells of them, also to an
 * attempt after one that broke off.
 */
async function releaseAddresses({ host, machine, before }: Work): Promise<void> {
  for (const nic of before?.nics ?? []) {
    const stays = machine.nics.some((n) => n.mac === nic.mac && "uuid" in n.source && n.source.uuid === nic.uuid);
    if (nic.allotted !== undefined && nic.uuid !== undefined && !stays) await release(host, nic.uuid, nic.mac);
  }
}

/** A seed that was written for an update that failed, unless the definition has it already. */
async function dropUnusedSeed({ host, dom, machine, before }: Work): Promise<void> {
  if (machine.seed === undefined || machine.seed.path === before?.seed?.path) return;
  const notes = await readConfig(host, dom).then(readNotes, () => undefined);
  if (notes !== undefined && notes.seed?.path !== machine.seed.path)
    await deleteSeed(host, machine.seed).catch(() => undefined);
}
