import type { Driver, Listed, Recorded, Step, Update } from "../../core/driver.js";
import type { Problem } from "../../core/kind.js";
import { showBytes } from "../../core/units.js";
import { LARGEST } from "../../media/vhdx-layout.js";
import { SMALLEST } from "../../media/vhdx-source.js";
import { diskAt, gone } from "./disks.js";
import type { HypervHost } from "./host.js";
import {
  fileNameProblem,
  fileOf,
  keyOf,
  LONGEST_PATH,
  notOfWindows,
  parentOf,
  samePath,
  settledPath,
} from "./paths.js";
import { markIn, markText, nameOf } from "./pools.js";
import { refuse } from "./refuse.js";
import { growDisk, removeDisk } from "./requests/disk.js";
import { setFileMark } from "./requests/folder.js";
import type { DiskView } from "./view.js";
import { createVolume } from "./volume-create.js";
import { examineVolume, resizing } from "./volume-examine.js";
import type { Volume, VolumeInputs, VolumeObserved } from "./volume-types.js";

/** Volumes are VHDX files in the folder of a pool; the id is the path. */
export const volume: Driver<Volume, HypervHost> = {
  support: {
    owner: true,
    adopt: true,
    name: true,
    pool: true,
    size: true,
    source: true,
    sha256: true,
    base: true,
    format: true,
    provisioning: true,
    allowDataLoss: true,
  },
  limits,
  effects: {},
  list,
  // Spellings of a path that Windows takes for the same.
  find: async (_host, word) => keyOf(word),
  examine: examineVolume,
  observe,
  create: (host, wanted, step) => host.change(() => createVolume(host, wanted, step)),
  update: (host, made, step) => host.change(() => update(host, made, step)),
  remove: (host, id, declared, step) => host.change(() => remove(host, id, declared, step)),
};

function limits({ name, size, format, base }: Partial<VolumeInputs>): readonly Problem[] {
  const problems: Problem[] = [];
  const badName = name === undefined ? undefined : fileNameProblem(name);
  if (badName !== undefined) problems.push({ path: "name", reason: badName });
  if (name !== undefined && name.length > LONGEST_PATH / 2)
    problems.push({
      path: "name",
      reason: `must have at most ${Math.floor(LONGEST_PATH / 2)} characters on this host`,
    });
  if (format !== undefined && format !== "vhdx")
    problems.push({ path: "format", reason: `must be "vhdx" on this host, not "${format}": leave it out` });
  if (size !== undefined && size < SMALLEST)
    problems.push({
      path: "size",
      reason: `must be at least ${showBytes(SMALLEST)} on this host, not ${showBytes(size)}`,
    });
  if (size !== undefined && size > LARGEST)
    problems.push({
      path: "size",
      reason: `must be at most ${showBytes(LARGEST)} on this host, not ${showBytes(size)}`,
    });
  if (base !== undefined) problems.push(...notOfWindows(base).map((reason) => ({ path: "base", reason })));
  return problems;
}

/** The disks in the folders of pools. */
async function list(host: HypervHost): Promise<readonly Listed<Volume>[]> {
  const { disks, pools } = await host.view();
  return disks.flatMap((disk) => {
    const pool = pools.find(({ path }) => samePath(path, parentOf(disk.path)));
    if (pool === undefined || !disk.exists) return [];
    const mark = markIn(pool, disk.path);
    return [
      {
        id: disk.path,
        name: mark?.name ?? fileOf(disk.path),
        properties: { pool: nameOf(pool) },
        outputs: { path: disk.path },
        owner: mark?.owner,
      },
    ];
  });
}

async function observe(host: HypervHost, id: string, recorded?: Recorded<Volume>): Promise<VolumeObserved | undefined> {
  const path = settledPath(id);
  const { pools } = await host.view();
  const pool = pools.find((p) => samePath(p.path, parentOf(path)));
  const disk = await diskAt(host, path);
  if (!disk.exists) return gone(disk);
  const mark = markIn(pool, path);
  return {
    id: disk.path,
    properties: {
      name: mark?.name ?? fileOf(disk.path),
      size: sizeOf(disk, recorded),
      format: "vhdx",
      provisioning: provisioningOf(disk) ?? recorded?.inputs.provisioning,
      ...baseOf(disk, recorded),
    },
    outputs: {
      path: disk.path,
      size: sizeOf(disk, recorded) ?? 0,
      allocation: disk.fileSize ?? 0,
      host: host.uri.identity,
    },
  };
}

/** What something else has open cannot be asked for its size: it has not changed then. */
const sizeOf = (disk: DiskView, recorded: Recorded<Volume> | undefined): number | undefined =>
  disk.size ?? recorded?.outputs.size ?? recorded?.inputs.size;

/** As Windows names it; not known of what something else has open. */
const provisioningOf = ({ type }: DiskView) => (type === undefined ? undefined : type === "Fixed" ? "thick" : "thin");

function baseOf(disk: DiskView, recorded: Recorded<Volume> | undefined): Partial<VolumeInputs> {
  const said = recorded?.inputs.base;
  if (disk.size === undefined) return said === undefined ? {} : { base: said };
  if (disk.parent === undefined || disk.parent === "") return {};
  return { base: said !== undefined && samePath(said, disk.parent) ? said : disk.parent };
}

async function update(
  host: HypervHost,
  { id, observed, wanted, changes }: Update<Volume>,
  { signal }: Step,
): Promise<void> {
  for (const { property } of changes) {
    if (property === "owner")
      await setFileMark(host.agent, id, markText({ ...wanted, name: observed.properties.name ?? wanted.name }));
    if (property === "size") await resize(host, observed, wanted, signal);
  }
}

async function resize(host: HypervHost, now: VolumeObserved, wanted: VolumeInputs, signal: AbortSignal): Promise<void> {
  refuse(resizing(await host.view(), wanted, now));
  if (wanted.size !== undefined) await growDisk(host.agent, now.id, wanted.size, { signal });
}

async function remove(host: HypervHost, id: string, _declared: Partial<VolumeInputs>, { signal }: Step): Promise<void> {
  const { pools } = await host.view();
  const folders = pools.map(({ path }) => path);
  await removeDisk(host.agent, id, folders, { signal });
}
