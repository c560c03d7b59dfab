import { copyFile, mkdir, symlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { runWell } from "./run.js";

/** The project's own folder. */
export const ROOT = resolve(__dirname, "../..");

/**
 * Builds the package into `node_modules` of a project folder, and puts the packages it depends on beside that folder.
 * Quicker than an installation from a tarball, which `test/package` tries.
 */
export async function installPackage(folder: string): Promise<void> {
  const installed = join(folder, "node_modules", "crossvisor");
  await mkdir(installed, { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(dirname(folder), "node_modules"));
  await copyFile(join(ROOT, "package.json"), join(installed, "package.json"));
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  // Types are checked by `npm run check`, not here.
  const emit = [
    "-p",
    "tsconfig.build.json",
    "--noCheck",
    "--declaration",
    "false",
    "--outDir",
    join(installed, "dist"),
  ];
  await runWell(process.execPath, [tsc, ...emit], { cwd: ROOT });
}
