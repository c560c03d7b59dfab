import type { Driver } from "../../core/driver.js";
import { ProviderError } from "../../core/errors.js";
import type { InputsOf } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";
import { untilAnswered } from "./answered.js";
import type { LibvirtHost } from "./host.js";
import { isUuid } from "./identity.js";
import { listed } from "./inventory.js";
import { createPool, exists, startPool, stopPool } from "./pool-create.js";
import { examinePool } from "./pool-examine.js";
import { NO_DIRECTORY, poolFailure } from "./pool-failure.js";
import { findPool } from "./pool-lookup.js";
import { observePool } from "./pool-observe.js";
import { pools } from "./rpc/index.js";
import type { PoolRef, VolumeRef } from "./rpc/types.js";
import { isOrphanedSeed } from "./vm/seed-orphans.js";
import { deleteVolume } from "./volume-lookup.js";
import { machinesNaming } from "./volume-use.js";

type StoragePool = Kinds["StoragePool"];

/**
 * Storage pools. The id is the pool's UUID. A pool that we make gets the UUID of its owner and name (`uuidOf`): that
 * UUID is the mark of ownership, because libvirt drops metadata of pools.
 *
 * A pool that somebody stopped shows as not `active`, and the next update or creation of it starts it. Until then its
 * volumes refuse to be read, with a remedy.
 */
export const storagePool: Driver<StoragePool, LibvirtHost> = {
  support: {
    owner: true,
    adopt: true,
    name: true,
    type: true,
    path: true,
    source: true,
    build: true,
    autostart: true,
    active: true,
    onDelete: true,
  },
  effects: {},
  list: async ({ inventory }) => listed(await inventory.pools()),
  find: findPool,
  examine: examinePool,
  observe: observePool,
  create: createPool,
  update: async (host, { id, observed, wanted, changes }) => {
    host.inventory.forget();
    const pool: PoolRef = { name: observed.properties.name ?? "", uuid: id };
    if (wanted.active && !observed.outputs.active)
      await startPool(host, pool).catch((error: unknown) => {
        throw poolFailure(error, wanted);
      });
    if (!wanted.active && observed.outputs.active) await stopPool(host, pool, observed.properties);
    if (changes.some(({ property }) => property === "autostart"))
      await untilAnswered(() => host.session.call(pools.setAutostart, { pool, autostart: wanted.autostart }));
  },
  remove,
};

async function remove(host: LibvirtHost, id: string, { onDelete }: Partial<InputsOf<StoragePool>>): Promise<void> {
  const { session, inventory } = host;
  inventory.forget();
  if (!isUuid(id)) throw new ProviderError("bug", `"${id}" is not the id of a storage pool`);
  const now = await observePool(host, id);
  if (now === undefined) return;
  const pool = { name: now.properties.name ?? "", uuid: id };
  // What a volume group or a file server holds is never deleted with the pool: libvirt would remove the whole group.
  const deletes = onDelete === "delete" && now.properties.type === "dir";
  const orphaned = deletes && now.outputs.active ? await onlyOrphans(host, pool) : [];
  await refuseNamed(host, pool.name);
  for (const vol of orphaned) await deleteVolume(session, vol);
  if (now.outputs.active) await stopPool(host, pool, now.properties);
  if (deletes) await removeDirectory(host, pool, now.outputs.active);
  await exists(untilAnswered(() => session.call(pools.undefine, { pool })));
}

/** A machine that names a disk by its pool could not start without the pool. @throws `busy` with the machine's name. */
async function refuseNamed(host: LibvirtHost, name: string): Promise<void> {
  const [machine] = await machinesNaming(host, name);
  if (machine === undefined) return;
  throw new ProviderError("busy", `the virtual machine "${machine.name}" has a disk in it, by the pool's name`, {
    hint: "Take the disk from the virtual machine, or have it name the disk by its path.",
  });
}

/**
 * What a pool may hold and still be deleted: first-boot CDs of machines that are gone. Looked at before anything is touched.
 * What libvirt does not list (folders, sockets) stops the removal of the directory. @throws `busy`, naming what else it holds.
 */
async function onlyOrphans(host: LibvirtHost, pool: PoolRef): Promise<readonly VolumeRef[]> {
  const { session } = host;
  try {
    await session.call(pools.refresh, { pool, flags: 0 });
  } catch (error) {
    // Without its directory it holds nothing.
    if (error instanceof ProviderError && NO_DIRECTORY.test(error.fact)) return [];
    throw error;
  }
  const all = await session.call(pools.volumes, { pool, flags: 0 });
  const orphaned = await Promise.all(all.map((vol) => isOrphanedSeed(host, vol)));
  const held = all.filter((_, i) => !orphaned[i]);
  if (held.length === 0) return all;
  const names = held.slice(0, 3).map(({ name }) => `"${name}"`);
  const more = held.length > names.length ? ` and ${held.length - names.length} more` : "";
  throw notEmpty(`it holds ${names.join(", ")}${more}`);
}

/** `rmdir` on the host: never takes anything with it. */
async function removeDirectory(host: LibvirtHost, pool: PoolRef, restart: boolean): Promise<void> {
  try {
    await untilAnswered(() => host.session.call(pools.delete, { pool, flags: 0 }));
  } catch (error) {
    if (error instanceof ProviderError && /no such file or directory/i.test(error.fact)) return;
    if (restart) await startPool(host, pool);
    if (error instanceof ProviderError && /not a directory/i.test(error.fact)) throw isLink;
    if (error instanceof ProviderError && /not empty/i.test(error.fact)) throw notEmpty("its directory is not empty");
    throw error;
  }
}

const isLink = new ProviderError("unsupported", "its directory is a symbolic link, which libvirt does not delete", {
  where: { property: "onDelete" },
  hint: 'Set onDelete to "keep", and delete the link on the host afterwards.',
});

const notEmpty = (fact: string): ProviderError =>
  new ProviderError("busy", fact, {
    where: { property: "onDelete" },
    hint: 'Delete what it holds first, or set onDelete to "keep": then the directory stays with everything in it.',
  });
