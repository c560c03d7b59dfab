import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { runWell } from "./run.js";

/** The project's own folder. */
export const ROOT = resolve(__dirname, "../..");

/**
 * Puts the package, as it is built from the present sources, into `node_modules` of a project folder, and the packages it
 * depends on beside that folder. Quicker than an installation from a tarball, which `test/package` tries.
 */
export async function installPackage(folder: string): Promise<void> {
  const installed = join(folder, "node_modules", "crossvisor");
  await mkdir(installed, { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(dirname(folder), "node_modules"));
  await copyFile(join(ROOT, "package.json"), join(installed, "package.json"));
  await cp(await built(), join(installed, "dist"), { recursive: true });
}

/** What is no TypeScript and belongs to the package all the same. */
const SCRIPTS = "provider/backends/hyperv/scripts";

/** The compiled package. Built once for the same sources, also by tests that run at the same time. */
async function built(): Promise<string> {
  const cache = join(ROOT, ".cache/built");
  const folder = join(cache, await fingerprint());
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(join(cache, "new-"));
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  // Types are checked by `npm run check`, not here.
  const emit = ["-p", "tsconfig.build.json", "--noCheck", "--declaration", "false", "--outDir", made];
  await runWell(process.execPath, [tsc, ...emit], { cwd: ROOT });
  await cp(join(ROOT, SCRIPTS), join(made, SCRIPTS), { recursive: true });
  await rename(made, folder).catch(async (error: unknown) => {
    // Another test was quicker.
    await rm(made, { recursive: true });
    if (!existsSync(folder)) throw error;
  });
  return folder;
}

/** One text for equal sources, settings and compilers. */
async function fingerprint(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["tsconfig.json", "tsconfig.build.json", "package-lock.json"])
    hash.update(await readFile(join(ROOT, name)));
  for (const room of ["provider", "sdk"])
    for (const name of (await readdir(join(ROOT, room), { recursive: true })).sort())
      if (/\.(ts|ps1)$/.test(name)) hash.update(name).update(await readFile(join(ROOT, room, name)));
  return hash.digest("hex").slice(0, 16);
}
