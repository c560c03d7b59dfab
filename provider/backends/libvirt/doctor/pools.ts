import type { Finding } from "../../../core/finding.js";
import { showBytes } from "../../../core/units.js";
import { closedMode, confinementOf, type User } from "../confinement.js";
import type { Entry } from "../inventory.js";
import { PoolState } from "../rpc/flags.js";
import { pools as calls } from "../rpc/procedures/storage.js";
import type { PoolRef } from "../rpc/types.js";
import { attribute, type Element, parseXml, textAt } from "../xml.js";
import { type Check, enumeration, findings, type Subject } from "./check.js";
import { tryPools } from "./pool-trial.js";

/** A started pool, described. */
export interface Started {
  readonly ref: PoolRef;
  readonly type: string;
  readonly path: string | undefined;
  readonly xml: Element;
}

/** Whether the pools of the host are started, come back with it, have space and let QEMU's user in. */
export const pools: Check = {
  topic: "storage pool",
  limit: 240,
  pretended: true,
  run: async (subject) => {
    const { host } = subject;
    const all = [...(await host.inventory.pools()).values()];
    const started = await Promise.all(all.filter(({ active }) => active).map((pool) => described(subject, pool)));
    const user = host.uri.hypervisor === "test" ? undefined : (await confinementOf(host)).user;
    const told = await Promise.all(started.map((pool) => ofStarted(subject, pool, user)));
    const tried = subject.look.tries && host.uri.hypervisor !== "test" ? await tryPools(subject, started) : [];
    const names = enumeration(started.map(({ ref }) => `"${ref.name}"`));
    const missing = !all.some(({ ref }) => ref.name === "default") && host.uri.path !== "session";
    return findings(
      missing ? NO_DEFAULT : undefined,
      ...all.flatMap(state),
      ...told.flat(),
      ...tried,
      started.length === 0 ? undefined : { topic: "storage pool", level: "ok", found: `started: ${names}` },
    );
  },
};

const NO_DEFAULT: Finding = {
  topic: "storage pool",
  level: "warning",
  found: 'there is no storage pool "default"',
  means: "Volumes need a declared StoragePool, or another one that the host has.",
  remedy: "Make it, or name a pool in each Volume.",
  commands: [
    "virsh pool-define-as default dir --target /var/lib/libvirt/images",
    "virsh pool-build default; virsh pool-start default; virsh pool-autostart default",
  ],
};

function state({ ref: { name }, active, autostart }: Entry<PoolRef>): Finding[] {
  const topic = "storage pool";
  if (!active)
    return [
      {
        topic,
        level: "warning",
        found: `the storage pool "${name}" is stopped`,
        means: "Its volumes are not seen.",
        remedy: "Start it, and let it start with the host.",
        commands: [`virsh pool-start ${name}`, `virsh pool-autostart ${name}`],
      },
    ];
  if (autostart) return [];
  return [
    {
      topic,
      level: "note",
      found: `the storage pool "${name}" is started and does not start with the host`,
      means: "After a boot of the host its volumes are not seen.",
      remedy: "Let it start with the host, or declare it as a StoragePool with autostart.",
      commands: [`virsh pool-autostart ${name}`],
    },
  ];
}

async function described({ host, patience }: Subject, { ref }: Entry<PoolRef>): Promise<Started> {
  const text = await host.session.call(calls.xml, { pool: ref, flags: 0 }, patience);
  const xml = parseXml(text, `the storage pool ${ref.name}`);
  return { ref, type: attribute(xml, "type") ?? "", path: textAt(xml, "target/path"), xml };
}

/** Below this a pool is as good as full. Bytes. */
const LITTLE = 2 ** 30;

async function ofStarted(
  { host, patience }: Subject,
  { ref, path, xml }: Started,
  user: User | undefined,
): Promise<readonly Finding[]> {
  const { state: health, available } = await host.session.call(calls.info, { pool: ref }, patience);
  const topic = "storage pool";
  const sick: Finding | undefined =
    health === PoolState.degraded || health === PoolState.inaccessible
      ? {
          topic,
          level: "problem",
          found: `the storage pool "${ref.name}" is ${health === PoolState.degraded ? "degraded" : "inaccessible"}`,
          remedy: "Look at its storage, and start it again.",
          commands: [`virsh pool-destroy ${ref.name}; virsh pool-start ${ref.name}`],
        }
      : undefined;
  const full: Finding | undefined =
    available >= LITTLE
      ? undefined
      : {
          topic,
          level: "warning",
          found: `the storage pool "${ref.name}" has ${showBytes(available)} left`,
          means: "Uploads and growing disks may not fit.",
          remedy: "Free space on its file system.",
          ...(path === undefined ? {} : { commands: [`df -h ${path}`] }),
        };
  return findings(sick, full, path === undefined || user === undefined ? undefined : closed(user, path, xml));
}

/** A directory of a pool that QEMU's user cannot enter. */
function closed(user: User, path: string, pool: Element): Finding | undefined {
  const mode = closedMode(user, pool);
  if (mode === undefined) return undefined;
  return {
    topic: "storage pool",
    level: "problem",
    found: `QEMU's user ${user.user} may not enter ${path}, which has mode ${mode}`,
    means: "No machine starts with a disk of this pool.",
    remedy: "Let everybody pass through the folder, which shows its list to nobody.",
    commands: [`chmod o+x ${path}`],
  };
}
