import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { sshdMissing } from "../../ssh/sshd.js";
import { engine } from "../powershell.js";
import { hasProgram } from "../requirements.js";

/** A PowerShell, and what lets it stand on a Windows host: `C:\…` in calls of .NET, file locks, Windows principals. */
export interface Engine {
  /** Absolute path of the program. */
  readonly path: string;
  /** Library for LD_PRELOAD and start-up hook for .NET. */
  readonly windows: { readonly library: string; readonly hook: string };
}

/** A program of the PATH by its place; a path stays as it is. */
const located = (name: string): string => {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return name.includes("/") ? name : (folders.map((one) => join(one, name)).find(existsSync) ?? name);
};

/** Folder of the helpers: named by CROSSVISOR_POWERSHELL_WINDOWS, or `windows` beside the folder of the program. */
const windowsFolder = (path: string): string =>
  process.env["CROSSVISOR_POWERSHELL_WINDOWS"] ?? join(dirname(realpathSync(path)), "../windows");

/**
 * The engine of `../powershell.ts` with its helpers. A text is the reason why there is none that can stand for a Windows
 * host, as a phrase for the title of a skipped test.
 */
export const powershell = (): Engine | string => {
  if (engine === undefined) return "needs a PowerShell, named by CROSSVISOR_POWERSHELL or on the PATH";
  const path = located(engine.path);
  const folder = windowsFolder(path);
  const windows = { library: join(folder, "libwinfs.so"), hook: join(folder, "WinHook.dll") };
  const complete = existsSync(windows.library) && existsSync(windows.hook);
  return complete ? { path, windows } : "needs libwinfs.so and WinHook.dll: see CROSSVISOR_POWERSHELL_WINDOWS";
};

/** Why a host cannot stand here; undefined when it can. */
export const hypervMissing = (): string | undefined => {
  const engine = powershell();
  if (typeof engine === "string") return engine;
  return sshdMissing ?? (hasProgram("qemu-img") ? undefined : "needs qemu-img");
};

/** The name of a test group that needs a host; a group that is skipped tells the reason. */
export const withHyperv = (name: string, missing = hypervMissing()): string =>
  missing === undefined ? name : `${name} (skipped: ${missing})`;
