import { spawn } from "node:child_process";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Default: 120 s; a program that runs longer is killed. */
  readonly timeout?: number;
  /** Called with the process id, before anything is printed. */
  readonly started?: (pid: number) => void;
  /** Called with everything printed so far, after each piece. */
  readonly seen?: (printed: string, pid: number) => void;
}

/** Runs a program to its end and tells all it printed. */
export const run = (
  program: string,
  args: readonly string[],
  { cwd, env, timeout = 120_000, started, seen }: RunOptions,
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, timeout, killSignal: "SIGKILL", stdio: ["ignore", "pipe", "pipe"] });
    if (child.pid !== undefined) started?.(child.pid);
    const printed = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (piece: string) => {
        printed[name] += piece;
        seen?.(printed.stdout + printed.stderr, child.pid ?? 0);
      });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...printed }));
  });

/** Like `run`; an end with another code than 0 is an error that shows what was printed. */
export async function runWell(program: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  const outcome = await run(program, args, options);
  if (outcome.code !== 0)
    throw new Error(`${program} ${args.join(" ")} ended with ${outcome.code}:\n${outcome.stdout}\n${outcome.stderr}`);
  return outcome;
}
