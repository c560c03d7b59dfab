import { cpus, totalmem } from "node:os";
import { median, type Values } from "./measure.js";

/** One comparison: the values of each side by name, ours first. */
export interface Result {
  readonly name: string;
  readonly unit: "s" | "MB/s" | "MiB" | "calls" | "ms";
  readonly values: Values;
  readonly goal?: Goal;
}

/** `side` shall be at least (or with `most`, at most) so many times `against`; without `against` it is a plain limit. */
export interface Goal {
  readonly text: string;
  met(medians: Readonly<Record<string, number>>): boolean | undefined;
}

/** The middle value of each side that has any; without a result there are none. */
export const medians = (result: Pick<Result, "values"> | undefined): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(result?.values ?? {})
      .filter(([, all]) => all.length > 0)
      .map(([side, all]) => [side, median(all)]),
  );

/** The goal that `peer` takes at least `times` as long (has at least so many times as much) as `ours`. */
export const atLeastTimes = (times: number, ours: string, peer: string | undefined): Goal => ({
  text: `${peer ?? "a peer"} / ${ours} >= ${times}`,
  met: (m) => compared(m[peer ?? ""], m[ours], (a, b) => a / b >= times),
});

/** The goal that `ours` reaches at least this share of `peer`. */
export const atLeastShare = (share: number, ours: string, peer: string): Goal => ({
  text: `${ours} >= ${share * 100} % of ${peer}`,
  met: (m) => compared(m[ours], m[peer], (a, b) => a >= share * b),
});

export const atMost = (limit: number, ours: string): Goal => ({
  text: `${ours} <= ${limit}`,
  met: (m) => compared(m[ours], limit, (a, b) => a <= b),
});

const compared = (a: number | undefined, b: number | undefined, test: (a: number, b: number) => boolean) =>
  a === undefined || b === undefined ? undefined : test(a, b);

/** One row for each side: its median, how it stands to ours (the first), and all values. */
export function table(results: readonly Result[]): string {
  const head = ["case", "side", "median", "against ours", "all values", "goal"];
  const rows = results.flatMap((result) => {
    const middle = medians(result);
    const [ours] = Object.values(middle);
    return Object.entries(middle).map(([side, value], i) => [
      i === 0 ? result.name : "",
      side,
      `${rounded(value)} ${result.unit}`,
      i === 0 || ours === undefined ? "" : `${rounded(value / ours)} x`,
      (result.values[side] ?? []).map(rounded).join(" "),
      i === 0 ? verdict(result, middle) : "",
    ]);
  });
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function verdict({ goal }: Result, middle: Readonly<Record<string, number>>): string {
  if (goal === undefined) return "";
  const met = goal.met(middle);
  return `${goal.text}: ${met === undefined ? "not measured" : met ? "met" : "missed"}`;
}

const rounded = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** All that was measured, for programs. */
export const json = (results: readonly Result[], missing: readonly string[]): string =>
  JSON.stringify(
    {
      machine: { processors: cpus().length, model: cpus()[0]?.model, memory: totalmem(), node: process.version },
      missing,
      results: results.map((r) => {
        const middle = medians(r);
        return {
          name: r.name,
          unit: r.unit,
          medians: middle,
          values: r.values,
          ...(r.goal === undefined ? {} : { goal: r.goal.text, met: r.goal.met(middle) ?? null }),
        };
      }),
    },
    undefined,
    2,
  );
