import { isProviderError, ProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import type { Inventory } from "./inventory.js";
import { DomainStats, DomainStatsFlags, DomainXml, domains, pools, volumes } from "./rpc/index.js";
import { byField, type DomainRef, type VolumeRef } from "./rpc/types.js";
import { baseAt, readVolume } from "./volume-xml.js";
import { attributeAt, childrenAt, parseXml, sourceFile } from "./xml.js";

/** A machine that names a file as one of its disks, or has it open below one. */
export interface Use {
  readonly domain: DomainRef;
  readonly running: boolean;
  /** Device name of the disk (`vda`), when the running machine has the file itself open and writes to it. */
  readonly disk: string | undefined;
}

/** A machine with all of its disks, each followed by what lies below it. */
export interface Machine {
  readonly domain: DomainRef;
  readonly disks: readonly Opened[];
}

/** One disk of a machine, or a file below it. */
interface Opened {
  readonly disk: string;
  /** `undefined` for a disk that is named by pool and volume, and for an empty drive. */
  readonly path: string | undefined;
  readonly below: boolean;
}

/**
 * The machines that use a file, running or not, in what runs and in what is defined. One call for all machines, and one
 * for each that runs (its definition may name other disks than it has) or names a disk by pool and volume.
 */
export async function usesOf(
  host: LibvirtHost,
  path: string,
  volume: VolumeRef,
  machines?: readonly Machine[],
): Promise<readonly Use[]> {
  const uses = await Promise.all(
    (machines ?? (await disksOfAll(host))).map(async ({ domain, disks }): Promise<Use | undefined> => {
      const running = domain.id >= 0;
      const open = disks.find((d) => d.path === path);
      if (open !== undefined) return { domain, running, disk: running && !open.below ? open.disk : undefined };
      const told = !running && disks.every((d) => d.path !== undefined);
      return !told && (await defines(host, domain, path, volume)) ? { domain, running, disk: undefined } : undefined;
    }),
  );
  return uses.filter((use) => use !== undefined);
}

/** The stopped machines that name a disk by this pool: those that run name it by its path too, and keep it. */
export async function machinesNaming(host: LibvirtHost, pool: string): Promise<readonly DomainRef[]> {
  const stopped = (await disksOfAll(host)).filter(({ domain }) => domain.id < 0);
  // Statistics have no path for such a disk while its machine is stopped.
  const asked = stopped.filter(({ disks }) => disks.some((d) => d.path === undefined));
  const found = await Promise.all(
    asked.map(async ({ domain }) => ((await diskSources(host, domain)).some((s) => s.pool === pool) ? [domain] : [])),
  );
  return found.flat();
}

/** The disks of all machines, running or not, with what lies below them. One call. */
export async function disksOfAll({ session }: LibvirtHost): Promise<readonly Machine[]> {
  // Without waiting for busy machines: names and paths of disks come in any case, only their counters do not (9.0.0).
  const flags = DomainStatsFlags.backing | DomainStatsFlags.noWait;
  try {
    const answers = await session.call(domains.allStats, { doms: [], stats: DomainStats.block, flags });
    return answers.map(({ dom, params }) => ({ domain: dom, disks: disksOf(byField(params)) }));
  } catch (error) {
    if (!isProviderError(error, "unsupported")) throw error;
    const all = await session.call(domains.list, { flags: 0 });
    return all.map((domain) => ({ domain, disks: [{ disk: "", path: undefined, below: false }] }));
  }
}

const disksOf = (stats: Readonly<Record<string, unknown>>): readonly Opened[] =>
  Array.from({ length: Number(stats["block.count"] ?? 0) }, (_, i) => ({
    disk: String(stats[`block.${i}.name`] ?? ""),
    path: typeof stats[`block.${i}.path`] === "string" ? String(stats[`block.${i}.path`]) : undefined,
    below: i > 0 && stats[`block.${i}.name`] === stats[`block.${i - 1}.name`],
  }));

/** Whether the stored definition names the file as a disk, by path or by pool and volume. */
const defines = async (host: LibvirtHost, dom: DomainRef, path: string, { pool, name }: VolumeRef): Promise<boolean> =>
  (await diskSources(host, dom)).some((s) => s.path === path || (s.pool === pool && s.volume === name));

/** What the disks of a stored definition are; nothing when the machine is gone. */
async function diskSources({ session }: LibvirtHost, dom: DomainRef) {
  let xml: string;
  try {
    xml = await session.call(domains.xml, { dom, flags: DomainXml.inactive });
  } catch (error) {
    if (isProviderError(error, "not-found")) return [];
    throw error;
  }
  return childrenAt(parseXml(xml, `the virtual machine "${dom.name}"`), "devices", "disk").map((disk) => ({
    path: sourceFile(disk),
    pool: attributeAt(disk, "source", "pool"),
    volume: attributeAt(disk, "source", "volume"),
  }));
}

/**
 * What lies under each volume of a host, by the volume's key, as far as it was asked. A file's base does not change while
 * it exists; who deletes a volume forgets it.
 */
const known = new WeakMap<Inventory, Map<string, string | undefined>>();

export const forgetBase = ({ inventory }: LibvirtHost, key: string): void => {
  known.get(inventory)?.delete(key);
};

/** The volumes of all started pools that lie over the file. One call for each pool, and one for each volume not asked before. */
export async function overlaysOf(host: LibvirtHost, path: string): Promise<readonly VolumeRef[]> {
  const bases = known.get(host.inventory) ?? new Map<string, string | undefined>();
  known.set(host.inventory, bases);
  const active = [...(await host.inventory.pools()).values()].filter((entry) => entry.active);
  const lists = await Promise.all(
    active.map(({ ref }) => host.session.call(pools.volumes, { pool: ref, flags: 0 }).catch(vanished)),
  );
  const all = lists.flatMap((list) => list ?? []);
  await Promise.all(all.map((vol) => (bases.has(vol.key) ? undefined : learn(host, vol, bases))));
  return all.filter(({ key }) => bases.get(key) === path);
}

async function learn({ session }: LibvirtHost, vol: VolumeRef, bases: Map<string, string | undefined>): Promise<void> {
  const xml = await session.call(volumes.xml, { vol, flags: 0 }).catch(vanished);
  if (xml !== undefined) bases.set(vol.key, baseAt(vol.key, readVolume(xml)));
}

/** A pool that was stopped or a volume that was deleted since it was listed has nothing over anything. */
const vanished = (error: unknown): undefined => {
  if (!isProviderError(error, "not-found", "failed")) throw error;
};

/** @throws `busy`, naming who uses it, when the volume is a disk of a machine. */
export async function refuseAttached(host: LibvirtHost, path: string, volume: VolumeRef): Promise<void> {
  const [use] = await usesOf(host, path, volume);
  if (use === undefined) return;
  throw new ProviderError("busy", `the virtual machine "${use.domain.name}" has it as a disk`, {
    hint: "Take the disk from the virtual machine, or delete the virtual machine first.",
  });
}

/** @throws `busy`, naming them, when other volumes lie over this one: `what` would damage them. */
export async function refuseUnderOthers(host: LibvirtHost, path: string, what: string): Promise<void> {
  const over = await overlaysOf(host, path);
  if (over.length === 0) return;
  const names = over.slice(0, 3).map(({ pool, name }) => `"${pool}/${name}"`);
  const more = over.length > names.length ? ` and ${over.length - names.length} more` : "";
  throw new ProviderError("busy", `it is the base of ${names.join(", ")}${more}, which ${what} would damage`, {
    hint: "Delete the volumes that lie over it first.",
  });
}
