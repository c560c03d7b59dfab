import type { Change } from "../../../core/driver.js";
import { ProviderError } from "../../../core/errors.js";
import { NAMESPACE } from "../identity.js";
import { Affect, MetadataType } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import { domainChange } from "../rpc/procedures/domain-change.js";
import { attributeAt, toText, write } from "../xml.js";
import { isPaused } from "./balloon.js";
import { notesOf } from "./definition.js";
import { diskTree, nicTree } from "./devices.js";
import { editNic } from "./edit.js";
import { changeMedium } from "./medium.js";
import { bareTree, readNotes } from "./notes.js";
import { diskAt, macOf, nicAt, ourDisks, ourNics, targetOf } from "./ours.js";
import { detach, GUEST_MS, liveXml, type Running } from "./running.js";
import { CD_DRIVE, type Nic, SEED_DRIVE, type Seed } from "./types.js";

export interface Wanted {
  readonly changes: readonly Change[];
  /** The seed that the guest has now. */
  readonly seed: Seed | undefined;
}

/**
 * Applies changes to a running guest, one property after the other; each is looked up first, so a change that an
 * earlier attempt already made is not made again. `done` is told every property that is in effect, and `SEED` when the
 * guest has the wanted seed.
 */
export async function applyLive(
  running: Running,
  { changes, seed }: Wanted,
  done: (property: string) => Promise<void>,
): Promise<void> {
  for (const property of new Set(changes.map((c) => c.property))) {
    await APPLY[property]?.(running);
    await done(property);
  }
  const { path } = running.machine.seed ?? {};
  if (path !== seed?.path || changes.some((c) => c.property === "cloudInit"))
    await changeMedium(running, SEED_DRIVE, path);
  await done(SEED);
}

/** Stands for the seed among the properties that are done: properties of other names decide what is in it, too. */
export const SEED = "(seed)";

const APPLY: Readonly<Record<string, (running: Running) => Promise<void>>> = {
  description: ({ host, dom, machine }) => {
    const metadata = machine.inputs.description;
    return host.session.call(domains.setMetadata, {
      dom,
      type: MetadataType.description,
      metadata,
      key: undefined,
      uri: undefined,
      flags: Affect.live,
    });
  },
  tags: noteLive,
  owner: noteLive,
  guest: noteLive,
  cpus: setCpus,
  memory: setMemory,
  disks: reconcileDisks,
  networks: reconcileNics,
  cdrom: (running) => changeMedium(running, CD_DRIVE, running.machine.inputs.cdrom),
};

async function noteLive({ host, dom, machine }: Running): Promise<void> {
  const metadata = write(bareTree(notesOf(machine)));
  await host.session.call(domains.setMetadata, {
    dom,
    type: MetadataType.element,
    metadata,
    key: "cv",
    uri: NAMESPACE,
    flags: Affect.live,
  });
}

async function setCpus({ host, dom, machine }: Running): Promise<void> {
  const { cpus: count } = machine.inputs;
  const stats = (await host.inventory.stats([dom])).get(dom.uuid);
  if (stats?.["vcpu.current"] !== count)
    await host.session.call(domainChange.setVcpus, { dom, count, flags: Affect.live });
}

async function setMemory({ host, dom, machine, step }: Running): Promise<void> {
  const wanted = machine.inputs.memory / 1024;
  await host.session.call(domainChange.setMemory, { dom, memory: wanted, flags: Affect.live });
  const stats = async () => (await host.inventory.stats([dom])).get(dom.uuid) ?? {};
  const now = await stats();
  if (isPaused(now)) {
    step.report("the guest is paused: it takes the new size when it goes on");
    return;
  }
  if (Number(now["balloon.last-update"] ?? 0) === 0) {
    step.report("the guest has no balloon driver that reports: it takes the new size when it has one");
    return;
  }
  const there = async () => ((await stats())["balloon.current"] === wanted ? true : undefined);
  const taken = await host.watch.until(dom.uuid, there, {
    timeoutMs: GUEST_MS,
    every: 1000,
    events: ["balloonChange"],
    signal: step.signal,
  });
  if (!taken)
    throw new ProviderError("timeout", `the guest did not change its memory within ${GUEST_MS / 1000} s`, {
      where: { property: "memory" },
      hint: "It may need what it would have to give back; try a smaller step.",
    });
}

async function reconcileDisks(running: Running): Promise<void> {
  const { host, dom, machine } = running;
  const live = await liveXml(running);
  for (const disk of ourDisks(live, readNotes(live), machine.inputs.disks)) {
    const target = targetOf(disk);
    if (machine.disks.some((d) => d.target === target)) continue;
    await detach(running, disk, `disk "${target}"`, (now) => diskAt(now, target));
  }
  for (const disk of machine.disks)
    if (diskAt(live, disk.target) === undefined)
      await host.session.call(domainChange.attachDevice, { dom, xml: write(diskTree(disk)), flags: Affect.live });
}

async function reconcileNics(running: Running): Promise<void> {
  const { machine } = running;
  const live = await liveXml(running);
  for (const nic of ourNics(live, readNotes(live), machine.inputs.networks)) {
    const mac = macOf(nic);
    const wanted = machine.nics.find((n) => n.mac === mac);
    if (wanted && (attributeAt(nic, "model", "type") ?? "virtio") === wanted.model) continue;
    await detach(running, nic, `interface ${mac}`, (now) => nicAt(now, mac));
  }
  for (const nic of machine.nics) await plug(running, nic);
}

async function plug(running: Running, nic: Nic): Promise<void> {
  const { host, dom } = running;
  const there = nicAt(await liveXml(running), nic.mac);
  if (there === undefined) {
    await host.session.call(domainChange.attachDevice, { dom, xml: write(nicTree(nic)), flags: Affect.live });
    return;
  }
  const before = toText(there);
  editNic(there, nic);
  if (toText(there) !== before)
    await host.session.call(domainChange.updateDevice, { dom, xml: toText(there), flags: Affect.live });
}
