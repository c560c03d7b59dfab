import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { hasProgram, systemPath } from "../hosts/requirements.js";

/** User and group `nobody` of Debian: libvirtd asks the machine who its client is, and nothing is theirs. */
export const OTHER = 65_534;

/** What a look at a host gave: the host's name, or the code and sentence of the refusal. */
export interface Answer {
  readonly ok: boolean;
  readonly code?: string;
  readonly text: string;
}

export interface Asked {
  readonly uri: string;
  /** Further groups of the user. */
  readonly groups?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
  /** A TypeScript file of this folder whose default is asked. Default: who-is-there.ts. */
  readonly program?: string;
  /** Further words for it. */
  readonly words?: readonly string[];
}

/** Why nobody else can be played here; undefined when it can. */
export function otherMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  if (!hasProgram("setpriv")) return "needs setpriv";
  try {
    execFileSync(
      "setpriv",
      [...identity([]), process.execPath, join(__dirname, "../../node_modules/tsx/dist/cli.mjs"), "--version"],
      { stdio: "ignore" },
    );
    return undefined;
  } catch {
    return "needs a folder of the repository that other users may read";
  }
}

export const identity = (groups: readonly number[]): string[] => [
  `--reuid=${OTHER}`,
  `--regid=${OTHER}`,
  ...(groups.length === 0 ? ["--clear-groups"] : [`--groups=${groups.join(",")}`]),
  "--",
];

/** Asks a host in the name of another user, whose accounts the machine need not have. */
export async function asOther({
  uri,
  groups = [],
  env = {},
  program = "who-is-there.ts",
  words: more = [],
}: Asked): Promise<Answer> {
  const tsx = join(__dirname, "../../node_modules/tsx/dist/cli.mjs");
  const words = [...identity(groups), process.execPath, tsx, join(__dirname, program), uri, ...more];
  const child = spawn("setpriv", words, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: systemPath(), TSX_DISABLE_CACHE: "1", HOME: "/nonexistent", ...env },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  await new Promise((resolve) => child.once("close", resolve));
  try {
    return JSON.parse(out) as Answer;
  } catch {
    throw new Error(`the other user's process said: ${out}${err}`);
  }
}
