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
import { createDisk, fixDisk, getDisk, growDisk } from "./requests/disk.js";
import { clearFileMark, setFileMark } from "./requests/folder.js";
import { upload } from "./upload.js";
import type { DiskView } from "./view.js";
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
    return goOn(host, there, wanted, step);
  }
  if (wanted.base !== undefined) refuse(await baseProblems(host, wanted.base, wanted.size));
  await setFileMark(host.agent, path, markText(wanted));
  try {
    await fill(host, path, wanted, step);
  } catch (error) {
    // The mark of a failed attempt goes, unless something has the name, or nobody knows: the next attempt goes on with it.
    if (!isProviderError(error, "dropped", "unreachable", "timeout") && (await isNothing(host, path)))
      await clearFileMark(host.agent, path).catch(() => undefined);
    throw error;
  }
  step.made(path);
}

const isNothing = (host: HypervHost, path: string): Promise<boolean> =>
  getDisk(host.agent, path).then(
    ({ exists }) => !exists,
    () => false,
  );

/** A file with our mark has all of its data; it may have an earlier size, and be as thin as it came to the host. */
async function goOn({ agent }: HypervHost, { path, ...now }: DiskView, wanted: VolumeInputs, { signal }: Step) {
  if (wanted.size !== undefined && now.size !== undefined && now.size < wanted.size)
    await growDisk(agent, path, wanted.size, { signal });
  if (wanted.provisioning === "thick" && now.type === "Dynamic") await fixDisk(agent, path, { signal });
}

async function fill(host: HypervHost, path: string, wanted: VolumeInputs, step: Step): Promise<void> {
  const { signal } = step;
  const { size, base, source, provisioning } = wanted;
  const type = provisioning === "thick" ? "Fixed" : "Dynamic";
  if (source !== undefined) return fromSource(host, path, { ...wanted, source }, step);
  const disk =
    base === undefined
      ? ({ path, type, size, blockSize: BLOCK } as const)
      : ({ path, type: "Differencing", parent: settledPath(base), size } as const);
  await createDisk(host.agent, disk, { signal }).catch(async (error: unknown) => {
    // A lost answer: what has the name now is ours, because the mark was there before and the file was not.
    if (!isProviderError(error, "dropped") || !(await getDisk(host.agent, path)).exists) throw error;
  });
}

async function fromSource(
  host: HypervHost,
  path: string,
  wanted: VolumeInputs & { readonly source: string },
  step: Step,
): Promise<void> {
  const { source, sha256, size, owner } = wanted;
  const { signal, report } = step;
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
    // What cannot be read at once may be too small: the host looks again.
    await goOn(host, { ...made, size: made.size ?? 0 }, wanted, step);
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
