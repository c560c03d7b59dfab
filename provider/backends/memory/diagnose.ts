import { access, constants } from "node:fs/promises";
import { dirname } from "node:path";
import { placed } from "../../core/errors.js";
import type { Finding } from "../../core/finding.js";
import type { MemoryHost } from "./host.js";

const PRETENDED: Finding = {
  topic: "host",
  level: "note",
  found: "it is a pretended host",
  means: "Everything that can be declared is kept here, and nothing runs.",
};

/** What such a host can lack: its file may be unreadable or spoilt, and its folder closed. */
export async function diagnose(host: MemoryHost): Promise<readonly Finding[]> {
  try {
    await host.read();
  } catch (error) {
    const { fact, hint } = placed(error, {});
    return [PRETENDED, { topic: "file", level: "problem", found: fact, remedy: hint }];
  }
  const path = /^memory:\/\/(.+)$/.exec(host.identity)?.[1];
  return path === undefined ? [PRETENDED] : [PRETENDED, await folder(dirname(path))];
}

/** A change makes a new file beside the old one. */
async function folder(path: string): Promise<Finding> {
  try {
    await access(path, constants.W_OK | constants.X_OK);
    return { topic: "file", level: "ok", found: `it can be read, and ${path} can be written to` };
  } catch (error) {
    const missing = (error as { readonly code?: unknown }).code === "ENOENT";
    return {
      topic: "file",
      level: "problem",
      found: missing ? `its folder ${path} does not exist` : `its folder ${path} cannot be written to`,
      means: "Nothing can be declared here.",
      remedy: missing ? "Make the folder." : "Give yourself the right to write there, or name another file.",
      ...(missing ? { commands: [`mkdir -p ${path}`] } : {}),
    };
  }
}
