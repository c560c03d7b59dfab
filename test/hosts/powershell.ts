import { spawnSync } from "node:child_process";
import { hasProgram } from "./requirements.js";

/** A program that runs PowerShell scripts, and which it is. */
export interface Engine {
  readonly path: string;
  /** `5.1.20348.2849`. */
  readonly version: string;
}

/** Named by `CROSSVISOR_POWERSHELL`, else Windows PowerShell or PowerShell 7 of the PATH; undefined where there is none. */
export const engine: Engine | undefined = found();

function found(): Engine | undefined {
  const named = process.env["CROSSVISOR_POWERSHELL"];
  const path = named ?? ["powershell.exe", "powershell", "pwsh"].find(hasProgram);
  if (path === undefined) return undefined;
  const words = ["-NoProfile", "-NonInteractive", "-Command", '"$($PSVersionTable.PSVersion)"'];
  const { stdout } = spawnSync(path, words, { encoding: "utf8" });
  return /^\d+\.\d/.test(stdout ?? "") ? { path, version: stdout.trim() } : undefined;
}

/** Why the agent cannot run here, or undefined when it can. */
export const agentMissing: string | undefined = engine?.version.startsWith("5.1.")
  ? undefined
  : `needs Windows PowerShell 5.1 or an engine that is like it, named by CROSSVISOR_POWERSHELL`;

/** The name of a test group that needs the agent; a group that is skipped tells the reason. */
export const withAgent = (name: string): string =>
  agentMissing === undefined ? name : `${name} (skipped: ${agentMissing})`;
