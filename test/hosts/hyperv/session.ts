import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HypervHost } from "./host.js";

/** What a command on the host left. */
export interface Outcome {
  readonly output: string;
  readonly errors: string;
  readonly code: number | null;
}

/** Runs a command line in a session of its own, with the machine's `ssh`; `input` is what it reads. */
export const execute = async (host: HypervHost, command: string, input = ""): Promise<Outcome> => {
  const known = join(host.root, "known_hosts");
  await writeFile(known, host.knownHosts);
  const options = ["-i", host.keyPath, "-p", String(host.port), "-F", "none", "-o", `UserKnownHostsFile=${known}`];
  const child = spawn("ssh", [...options, "-o", "IdentitiesOnly=yes", `${host.user}@${host.address}`, command]);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { output: Buffer.concat(output).toString(), errors: Buffer.concat(errors).toString(), code };
};

/** The command line that runs a script, as clients of PowerShell over SSH write it. */
export const encoded = (script: string): string => {
  const text = Buffer.from(`$ProgressPreference = 'SilentlyContinue'\n${script}`, "utf16le").toString("base64");
  return `powershell.exe -NoProfile -NonInteractive -OutputFormat Text -EncodedCommand ${text}`;
};

/** Programs that end with the first error and print its id, category and HRESULT. */
const guarded = (script: string): string => `
$ErrorActionPreference = 'Stop'
try {
${script}
} catch { '!' + $_.FullyQualifiedErrorId + ' ' + $_.CategoryInfo.Category + ' 0x' + $_.Exception.HResult.ToString('X8') }`;

/**
 * Runs a script and gives the lines that it printed. An error ends it, and its last line is
 * `!ID CATEGORY HRESULT`.
 *
 * The script comes on standard input: a command line holds some 8000 characters only.
 */
export const lines = async (host: HypervHost, script: string): Promise<readonly string[]> => {
  const reader = encoded("& ([scriptblock]::Create([Console]::In.ReadToEnd()))");
  const { output, errors } = await execute(host, reader, guarded(script));
  if (output === "" && errors !== "") throw new Error(errors);
  return output
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
};
