import { readdirSync, readFileSync } from "node:fs";

export interface Process {
  readonly pid: number;
  readonly command: string;
}

/** The processes below one process, with their command lines. */
export function descendants(root: number): readonly Process[] {
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]);
        return [{ pid: Number(name), parent, command: readFileSync(`/proc/${name}/cmdline`, "utf8") }];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
  const below = (pid: number): typeof processes =>
    processes.filter((p) => p.parent === pid).flatMap((p) => [p, ...below(p.pid)]);
  return below(root);
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The processes that crossvisor runs in, below a run of the CLI. */
export const providersOf = (cli: number): readonly Process[] =>
  descendants(cli).filter(({ command }) => /\bdynamic-provider\b/.test(command) && command.startsWith("node"));

/** SIGKILL for the CLI alone. Gives what was below it: the language host of Pulumi 3.274 lives on. */
export function killPulumi(cli: number): readonly Process[] {
  const below = descendants(cli);
  process.kill(cli, "SIGKILL");
  return below;
}

/** SIGKILL for those that still live. */
export function endAll(left: readonly Process[]): void {
  for (const { pid } of left) if (isAlive(pid)) process.kill(pid, "SIGKILL");
}
