import type { Driver, Recorded, Step, Update } from "../../core/driver.js";
import { isProviderError, ProviderError } from "../../core/errors.js";
import type { InputsOf, Problem } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";
import { gone } from "./disks.js";
import type { HypervHost } from "./host.js";
import { isPath, notOfWindows, rootOf, samePath, settledPath } from "./paths.js";
import { findPool, markText, nameOf, ownerOf } from "./pools.js";
import { reasonOf, refuse } from "./refuse.js";
import { createFolder, getFolder, removeFolder } from "./requests/folder.js";
import type { PoolView } from "./view.js";

type StoragePool = Kinds["StoragePool"];
type Inputs = InputsOf<StoragePool>;

const ALWAYS = "not supported: a folder of this host is always there: leave it out";

/** Storage pools are folders that carry our mark; the id is the path. */
export const storagePool: Driver<StoragePool, HypervHost> = {
  support: {
    owner: true,
    adopt: true,
    name: true,
    type: true,
    path: true,
    source: "not supported: pools of this host are folders: leave it out",
    build: "not supported: pools of this host are folders: leave it out",
    autostart: ALWAYS,
    active: ALWAYS,
    onDelete: true,
  },
  limits: ({ type, path }) => [
    ...(type === undefined || type === "dir"
      ? []
      : [{ path: "type", reason: `must be "dir" on this host, not "${type}": give the path of a folder or a share` }]),
    ...(path === undefined ? [] : notOfWindows(path).map((reason) => ({ path: "path", reason }))),
  ],
  effects: {},
  list: async (host) =>
    (await host.view()).pools.map((pool) => ({
      id: pool.path,
      name: nameOf(pool),
      properties: {},
      outputs: {},
      owner: ownerOf(pool),
    })),
  find: async (host, word) => findPool((await host.view()).pools, word)?.path,
  examine,
  observe,
  create: (host, wanted, step) => host.change(() => create(host, wanted, step)),
  update: (host, made) => host.change(() => update(host, made)),
  remove: (host, id, declared) => host.change(() => remove(host, id, declared)),
};

async function examine(
  host: HypervHost,
  { adopt, name, path, owner }: Partial<Inputs>,
  now: unknown,
): Promise<readonly Problem[]> {
  if (now !== undefined) return [];
  const { pools } = await host.view();
  if (adopt !== undefined)
    return findPool(pools, adopt) === undefined && !isPath(adopt)
      ? [
          {
            path: "adopt",
            reason: `there is no storage pool "${adopt}" on the host: give its name, or a folder's path`,
          },
        ]
      : [];
  // A folder that is gone from the list's place is nobody's pool any more.
  const there = pools.filter(({ exists }) => exists);
  const mine = (pool: PoolView) => ownerOf(pool) === (owner ?? "") && nameOf(pool) === name;
  const sameName = there.find((pool) => name !== undefined && nameOf(pool) === name && !mine(pool));
  if (sameName !== undefined)
    return [
      {
        path: "name",
        reason: `"${name}" is the storage pool ${sameName.path} of somebody else: choose another name, or set \`adopt\` to its name to take it over`,
      },
    ];
  if (path === undefined) return [];
  const samePlace = findPool(there, settledPath(path));
  if (samePlace === undefined) return folderProblems(host, path);
  const taken = `"${path}" is the folder of the storage pool "${nameOf(samePlace)}" already`;
  return mine(samePlace)
    ? []
    : [{ path: "path", reason: `${taken}: choose another, or set \`adopt\` to its name to take it over` }];
}

/** A path that is none of a folder. */
async function folderProblems(host: HypervHost, path: string): Promise<readonly Problem[]> {
  try {
    const { away } = await getFolder(host.agent, settledPath(path));
    return away ? [{ path: "path", reason: `the host has no ${rootOf(path)}: choose another path` }] : [];
  } catch (error) {
    if (!isProviderError(error, "invalid")) throw error;
    return [{ path: "path", reason: reasonOf({ fact: error.fact, hint: error.hint ?? "Choose another path." }) }];
  }
}

async function observe(host: HypervHost, id: string, recorded?: Recorded<StoragePool>) {
  const pool = host.fresh
    ? (await host.view()).pools.find(({ path }) => samePath(path, id))
    : await getFolder(host.agent, id);
  if (pool?.exists === false) return gone(pool);
  // A folder without a mark is no pool: somebody took it from the list.
  if (pool === undefined || (pool.mark === undefined && !pool.isDefault)) return undefined;
  const said = recorded?.inputs.path;
  const properties: Partial<Inputs> = {
    name: nameOf(pool),
    type: "dir",
    // A path has many spellings: the declared one is told where it means the same.
    path: said !== undefined && samePath(said, pool.path) ? said : pool.path,
    autostart: true,
    active: true,
  };
  return {
    id: pool.path,
    properties,
    outputs: {
      capacity: String(pool.capacity ?? 0),
      available: String(pool.available ?? 0),
      active: true,
      host: host.uri.identity,
    },
  };
}

async function create(host: HypervHost, wanted: Inputs, { made }: Step): Promise<void> {
  const { pools } = await host.view();
  if (wanted.adopt !== undefined) return made(await adopted(host, pools, wanted));
  refuse(await examine(host, wanted, undefined));
  const path = settledPath(wanted.path ?? "");
  const pool = await createFolder(host.agent, path, markText(wanted));
  made(pool.path);
}

/** A pool that is there, or a folder that becomes one: its files stay as they are. */
async function adopted(host: HypervHost, pools: readonly PoolView[], wanted: Inputs): Promise<string> {
  const { adopt = "" } = wanted;
  const there = findPool(pools, adopt) ?? (await folderAt(host, adopt));
  if (there === undefined)
    throw new ProviderError("not-found", `there is no storage pool "${adopt}" on the host`, {
      where: { property: "adopt" },
      hint: "Give its name, or the path of a folder that exists.",
    });
  if (there.mark === undefined) await createFolder(host.agent, there.path, markText(wanted));
  return there.path;
}

async function folderAt(host: HypervHost, path: string): Promise<PoolView | undefined> {
  if (!isPath(path)) return undefined;
  const folder = await getFolder(host.agent, settledPath(path));
  return folder.exists ? folder : undefined;
}

async function update(host: HypervHost, { id, observed, wanted, changes }: Update<StoragePool>): Promise<void> {
  const name = observed.properties.name ?? wanted.name;
  if (changes.some(({ property }) => property === "owner"))
    await createFolder(host.agent, id, markText({ owner: wanted.owner, name }));
}

async function remove(host: HypervHost, id: string, { onDelete }: Partial<Inputs>): Promise<void> {
  await removeFolder(host.agent, id, { folder: onDelete === "delete" });
}
