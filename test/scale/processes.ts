import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Ending, Job } from "./process.js";

/**
 * Processes of their own, with the real engine and driver, that work on one host. All of them have come to the call at
 * which they are held before any of them goes on.
 *
 * @returns how the creations of each ended. @throws with what a process printed when it ends otherwise.
 */
export async function atOnce(...jobs: readonly Job[]): Promise<readonly (readonly Ending[])[]> {
  const all = jobs.map(start);
  try {
    await Promise.all(all.map(({ held }) => held));
    for (const { go } of all) go();
    return await Promise.all(all.map(async ({ printed }) => JSON.parse(await printed) as readonly Ending[]));
  } finally {
    for (const { end } of all) end();
  }
}

function start(job: Job) {
  const words = ["--import", "tsx", join(__dirname, "process.ts"), JSON.stringify(job)];
  const child = spawn(process.execPath, words, { stdio: ["pipe", "pipe", "pipe"] });
  const said: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
  const lines = createInterface(child.stdout);
  const gone = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`a process ended with ${code}: ${said.join("")}`)));
  });
  gone.catch(() => undefined);
  const line = (right: (text: string) => boolean): Promise<string> => {
    const heard = new Promise<string>((resolve) => lines.on("line", (text) => right(text) && resolve(text)));
    const first = Promise.race([gone, heard]);
    // Whoever waits for it hears of a failure; nobody may wait for it any more.
    first.catch(() => undefined);
    return first;
  };
  return {
    held: line((text) => text === "held"),
    printed: line((text) => text.startsWith("[")),
    go: () => child.stdin.write("go\n"),
    end: () => child.kill("SIGKILL"),
  };
}
