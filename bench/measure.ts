import { readdirSync, readFileSync } from "node:fs";

/** Seconds that a step takes. */
export async function timed(step: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await step();
  return (performance.now() - start) / 1000;
}

/** The middle one; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** Who is measured, by name: each call does the work once and gives one value. */
export type Sides = Readonly<Record<string, () => Promise<number>>>;
export type Values = Readonly<Record<string, readonly number[]>>;

/** Measures all sides in turn, `repeat` times: what else the machine does meets all of them alike. */
export async function interleaved(repeat: number, sides: Sides): Promise<Values> {
  const values: Record<string, number[]> = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let round = 0; round < repeat; round++)
    for (const [name, side] of Object.entries(sides)) values[name]?.push(await side());
  return values;
}

/** Milliseconds between two looks at the memory of processes. */
const LOOK = 50;

/**
 * Runs a step and tells the most memory that all processes below this one had at once meanwhile, in MiB: the sum of what
 * each has of its own and its share of what several have (PSS, man 5 proc).
 */
export async function peakMemory(step: () => Promise<unknown>): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(
      peak,
      descendants(process.pid).reduce((sum, pid) => sum + shareOf(pid), 0),
    );
  }, LOOK);
  try {
    await step();
  } finally {
    clearInterval(timer);
  }
  return peak / 1024;
}

/** KiB; 0 for a process that has ended. */
function shareOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(textOf(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

function descendants(root: number): readonly number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      const stat = textOf(`/proc/${name}/stat`);
      return [Number(name), Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0])] as const;
    });
  const below = (pid: number): readonly number[] =>
    parents.filter(([, parent]) => parent === pid).flatMap(([child]) => [child, ...below(child)]);
  return below(root);
}

const textOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
