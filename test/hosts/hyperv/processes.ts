import { readdir, readFile } from "node:fs/promises";

/** A program that a session of a simulated host runs. */
export interface SessionProcess {
  readonly pid: number;
  readonly program: "agent" | "sftp";
}

/** All of the host with that folder. They are known by their environment, which names it. */
export async function sessionProcesses(root: string): Promise<readonly SessionProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => described(pid, root)));
  return found.filter((one) => one !== undefined);
}

async function described(pid: string, root: string): Promise<SessionProcess | undefined> {
  const [environment, words] = await Promise.all([read(pid, "environ"), read(pid, "cmdline")]);
  if (!environment.includes(`CROSSVISOR_SIM_ROOT=${root}\0`) || words === "") return undefined;
  return { pid: Number(pid), program: /EncodedCommand/i.test(words) ? "agent" : "sftp" };
}

/** Empty for a process that has ended meanwhile. */
const read = (pid: string, name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, "latin1").catch(() => "");
