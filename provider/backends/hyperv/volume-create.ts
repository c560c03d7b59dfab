import { createHash } from "node:crypto";
import type { Step } from "../../core/driver.js";
import { isProviderError, ProviderError } from "../../core/errors.js";
import { showBytes } from "../../core/units.js";
import { toVhdx } from "../../media/vhdx.js";
import { diskAt, volumeNamed } from "./disks.js";
import type { HypervHost } from "./host.js";
import { isPath, settledPath } from "./paths.js";
import { markIn, markText, poolNamed, volumePath } from "./pools.js";
import { refuse } from "./refuse.js";
import { createDisk, getDisk, growDisk } from "./requests/disk.js";
import { clearFileMark, setFileMark } from "./requests/folder.js";
import { upload } from "./upload.js";
import { baseProblems } from "./volume-examine.js";
import type { VolumeInputs } from "./volume-types.js";

/** What Microsoft advises for Linux guests: small files of thin disks. Bytes. */
const BLOCK = 2 ** 20;

/**
 * Makes a volume, or goes on with what an earlier attempt of the same owner made. Its mark is there before its file,
 * and a file comes to its place in one step, so a file with our mark is complete, and one without it is foreign.
 */
export async function createVolume(host: HypervHost, wanted: VolumeInputs, step: Step): Promise<void> {
  if (wanted.adopt !== undefined) return step.made(await adopted(host, wanted));
  const pool = poolNamed((await host.view()).pools, wanted.pool);
  const path = volumePath(pool, wanted.name);
  const there = await diskAt(host, path);
  if (there.exists) {
    if (markIn(pool, path)?.owner !== wanted.owner) throw foreign(path);
    step.made(there.path);
    if (wanted.size !== undefined && there.size !== undefined && there.size < wanted.size)
      await growDisk(host.agent, there.path, wanted.size, step);
    return;
  }
  if (wanted.base !== undefined) refuse(await baseProblems(host, wanted.base, wanted.size));
  await setFileMark(host.agent, path, markText(wanted));
  try {
    await fill(host, path, wanted, step);
  } catch (error) {
    // Nothing has the name: the mark of a failed attempt goes with it, unless nobody knows what became of it.
    if (!isProviderError(error, "dropped", "unreachable", "timeout"))
      await clearFileMark(host.agent, path).catch(() => undefined);
    throw error;
  }
  step.made(path);
}

async function fill(host: HypervHost, path: string, wanted: VolumeInputs, step: Step): Promise<void> {
  const { signal } = step;
  const { size, base, source } = wanted;
  if (source !== undefined) return fromSource(host, path, { ...wanted, source }, step);
  const disk =
    base === undefined
      ? { path, type: "Dynamic" as const, size, blockSize: BLOCK }
      : { path, type: "Differencing" as const, parent: settledPath(base), size };
  await createDisk(host.agent, disk, { signal }).catch(async (error: unknown) => {
    // A lost answer: what has the name now is ours, because the mark was there before and the file was not.
    if (!isProviderError(error, "dropped") || !(await getDisk(host.agent, path)).exists) throw error;
  });
}

async function fromSource(
  host: HypervHost,
  path: string,
  { source, sha256, size, owner }: VolumeInputs & { readonly source: string },
  { signal, report }: Step,
): Promise<void> {
  const image = await toVhdx(source, { id: identityOf(owner, path), sha256, size, blockSize: BLOCK, signal });
  try {
    let told = Date.now();
    const onProgress = (bytes: number) => {
      if (Date.now() - told < 5000) return;
      told = Date.now();
      report(`uploaded ${showBytes(bytes)} of ${showBytes(image.length)}`);
    };
    const made = await upload(host, {
      path,
      parts: image.chunks(),
      signal,
      onProgress,
      newIdentifier: !image.converted,
    });
    if (size !== undefined && (made.size ?? 0) < size) await growDisk(host.agent, path, size, { signal });
  } finally {
    await image.close();
  }
}

/** A disk of its own for each place: the same at every attempt. */
function identityOf(owner: string, path: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([owner, path.toLowerCase()]))
    .digest("hex");
  return hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
}

const foreign = (path: string): ProviderError =>
  new ProviderError("exists", `${path} exists and is not ours`, {
    where: { property: "name" },
    hint: "Set adopt to its name to take it over, or choose another name.",
  });

/** By its path, which is its id, or by its name in the pool. */
async function adopted(host: HypervHost, { adopt = "", pool, name }: VolumeInputs): Promise<string> {
  const named = async () => volumeNamed(host, poolNamed((await host.view()).pools, pool), adopt);
  const disk = await diskAt(host, isPath(adopt) ? adopt : await named());
  if (disk.exists) return disk.path;
  throw new ProviderError("not-found", `there is no volume "${adopt}"`, {
    where: { property: "adopt" },
    hint: `Give the name of a file of the pool or its path on the host; "${name}" is only what it is called here.`,
  });
}
