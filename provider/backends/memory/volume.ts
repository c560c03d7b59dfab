import type { InputsOf } from "../../core/kind.js";
import { showBytes } from "../../core/units.js";
import { groupOf, Volume } from "../../kinds/index.js";
import { driver } from "./driver.js";
import type { Stored, World } from "./world.js";

type Declared = Partial<InputsOf<typeof Volume>>;

/** The pool of a name, an id or a directory. */
export const poolOf = (world: World, reference: string | undefined) =>
  world.StoragePool.find((p) => [p.id, p.properties.name, p.properties.path].some((known) => known === reference));

/** Absolute path of a volume; `undefined` when its pool is not on the host (its file is kept all the same). */
export function pathOf(world: World, { pool, name }: Declared): string | undefined {
  const there = poolOf(world, pool)?.properties;
  const folder = there?.type === "logical" ? `/dev/${groupOf(there)}` : there?.path;
  return folder === undefined || name === undefined ? undefined : `${folder}/${name}`;
}

export const volumeAt = (world: World, path: string | undefined): Stored<typeof Volume> | undefined =>
  path === undefined ? undefined : world.Volume.find((v) => pathOf(world, v.properties) === path);

export const volume = driver(Volume, {
  support: {
    owner: true,
    adopt: true,
    name: true,
    pool: true,
    size: true,
    source: "not supported: this host keeps no bytes, only what was declared; give `size` instead",
    sha256: "not supported: this host keeps no bytes, only what was declared",
    base: true,
    format: true,
    provisioning: true,
    allowDataLoss: true,
  },
  effects: {},
  place: pathOf,
  problems: (world, { pool, base, size, format, provisioning }, now) => {
    const blocks = poolOf(world, pool)?.properties.type === "logical";
    const under = volumeAt(world, base);
    const has = now?.properties.size;
    const least = under?.properties.size;
    return [
      ...(blocks && (base !== undefined || (format !== undefined && format !== "raw"))
        ? [
            {
              path: base === undefined ? "format" : "base",
              reason: "must be raw, without a base, in a pool of block devices",
            },
          ]
        : []),
      ...(blocks && provisioning === "thin"
        ? [{ path: "provisioning", reason: 'must be "thick" in a pool of block devices' }]
        : []),
      ...(pool === undefined || poolOf(world, pool)
        ? []
        : [{ path: "pool", reason: `"${pool}" is not a storage pool of the host: declare a StoragePool` }]),
      ...(base === undefined || under
        ? []
        : [{ path: "base", reason: `"${base}" is not a volume of the host: declare it as a Volume` }]),
      ...(size !== undefined && has !== undefined && size < has
        ? [
            {
              path: "size",
              reason: `must not shrink: it is ${showBytes(has)}, and what lies behind the new end is lost`,
            },
          ]
        : []),
      ...(size !== undefined && least !== undefined && size < least
        ? [{ path: "size", reason: `must be at least ${showBytes(least)}, the size of base` }]
        : []),
    ];
  },
  settle: (world, { next }) => {
    const { properties: p } = next;
    const size = p.size ?? volumeAt(world, p.base)?.properties.size;
    const blocks = poolOf(world, p.pool)?.properties.type === "logical";
    const provisioning = p.provisioning ?? (blocks ? "thick" : "thin");
    const format = p.format ?? (provisioning === "thick" ? "raw" : "qcow2");
    return { ...next, properties: { ...p, size, format, provisioning } };
  },
  outputs: (world, { properties }) => ({
    path: pathOf(world, properties) ?? "",
    size: properties.size ?? 0,
    allocation: 0,
  }),
  needed: (world, { properties }) => {
    const path = pathOf(world, properties);
    const machine = world.VirtualMachine.find((m) => m.properties.disks.some((d) => d.volume === path));
    if (machine) return `it is a disk of virtual machine "${machine.properties.name}"`;
    const above = world.Volume.find((v) => v.properties.base === path);
    return above && `volume "${above.properties.name}" lies over it`;
  },
});
