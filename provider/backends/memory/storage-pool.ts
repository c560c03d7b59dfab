import { StoragePool } from "../../kinds/index.js";
import { driver } from "./driver.js";
import { poolOf } from "./volume.js";

/** Room of the pretended file system, in bytes. */
const CAPACITY = 2 ** 40;

export const storagePool = driver(StoragePool, {
  support: { owner: true, adopt: true, name: true, path: true, autostart: true, active: true, onDelete: true },
  effects: {},
  place: (_world, { name }) => name,
  problems: (world, { name, path }, now) => {
    const other = world.StoragePool.find((p) => p.properties.path === path && p.properties.name !== name);
    return path === undefined || now !== undefined || other === undefined
      ? []
      : [{ path: "path", reason: `"${path}" is the directory of pool "${other.properties.name}" already` }];
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
