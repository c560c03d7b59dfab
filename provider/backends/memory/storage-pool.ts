import { groupOf, StoragePool } from "../../kinds/index.js";
import { driver } from "./driver.js";
import { poolOf } from "./volume.js";

/** Room of the pretended file system, in bytes. */
const CAPACITY = 2 ** 40;

export const storagePool = driver(StoragePool, {
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
  find: poolOf,
  place: (_world, { name }) => name,
  problems: (world, wanted, now) => {
    const { name, type, path } = wanted;
    const others = world.StoragePool.map((p) => p.properties).filter((p) => p.name !== name && now === undefined);
    const group = others.find((p) => type === "logical" && p.type === type && groupOf(p) === groupOf(wanted));
    if (group !== undefined && name !== undefined)
      return [
        { path: "source.name", reason: `"${groupOf(wanted)}" is the volume group of pool "${group.name}" already` },
      ];
    const other = others.find((p) => path !== undefined && p.path === path);
    return other === undefined
      ? []
      : [{ path: "path", reason: `"${path}" is the directory of pool "${other.name}" already` }];
  },
  settle: (_world, { next }) => next,
  outputs: (_world, { properties }) => ({
    capacity: String(CAPACITY),
    available: String(CAPACITY),
    active: properties.active,
  }),
  needed: (world, pool, { onDelete }) => {
    const held = world.Volume.filter((v) => poolOf(world, v.properties.pool) === pool);
    return onDelete === "delete" && held.length > 0
      ? `the directory still holds ${held.map((v) => `"${v.properties.name}"`).join(", ")}`
      : undefined;
  },
});
