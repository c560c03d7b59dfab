import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Fault, SshFault } from "./faults.js";
import { type Driver, type Lab, openLab } from "./lab.js";
import { makeImages } from "./patterns.js";
import { type Ground, groundOf, scenariosOf } from "./scenarios.js";
import { random, sample, seed, whole } from "./schedule.js";
import { type Leg, measure, type Scenario, trial } from "./trial.js";

/** One group of tests: each scenario of a host under its faults. */
export interface Part {
  readonly driver: Driver;
  readonly over: "socket" | "ssh";
  readonly faults: readonly (Fault | SshFault)[];
  /** A sampled run: so many trials of each scenario, and which scenarios. */
  readonly sampled: { readonly trials: number; readonly titles?: RegExp };
}

/** Titles are known before any host is. */
const NOWHERE: Omit<Ground, "driver"> = { pools: "", images: { qcow2: "", raw: "" } };

export function part(name: string, { driver, over, faults, sampled }: Part): void {
  describe(`${name}, ${whole ? "whole" : `sampled with the seed ${seed}`}`, () => {
    let lab: Lab;
    let ground: Ground;
    const tally = new Map<string, number>();
    beforeAll(async () => {
      lab = await openLab(driver, over);
      ground = groundOf(lab, await makeImages(join(lab.daemon.root, "images")));
    });
    afterAll(async () => {
      report(name, tally);
      await lab?.close();
    });
    const known = scenariosOf({ ...NOWHERE, driver }).map(({ title }) => title);
    test.each(known.filter((title) => whole || (sampled.titles?.test(title) ?? true)))(
      "%s",
      async (title) => {
        const scenario = scenariosOf(ground).find((s) => s.title === title);
        if (scenario === undefined) throw new Error("no such scenario");
        const count = whole ? Number.POSITIVE_INFINITY : sampled.trials;
        const failed = await trials(lab, scenario, { faults, count, tally });
        await lab.wipe();
        expect(failed).toEqual([]);
      },
      7_200_000,
    );
  });
}

interface Extent {
  readonly faults: Part["faults"];
  readonly count: number;
  readonly tally: Map<string, number>;
}

/** Runs them; tells what failed. After a failure everything is made anew, so that each one speaks for itself. */
async function trials(lab: Lab, scenario: Scenario, { faults, count, tally }: Extent): Promise<readonly string[]> {
  await lab.wipe();
  const ways = [[scenario.from, scenario.to] as const];
  if (scenario.op === "up" && scenario.once !== true) ways.push([scenario.to, scenario.from]);
  const legs: Leg[] = [];
  for (const way of ways) legs.push(await measure(lab, scenario, way));
  if (scenario.once === true) await lab.wipe();
  const all = legs.flatMap((leg) =>
    faults.flatMap((fault) => leg.points.map((point, at) => ({ leg, fault, at, point }))),
  );
  const chosen = sample(all, count, random(`${seed} ${lab.driver} ${scenario.title}`));
  const failed: string[] = [];
  for (const { leg, fault, at, point } of inTurns(chosen, legs)) {
    const where = `${fault} at ${at} (${point}) ${leg === legs[0] ? "there" : "back"}`;
    const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
    try {
      count(`${fault}: ${await trial(lab, scenario, leg, { fault, at })}`);
    } catch (error) {
      count(`${fault}: failed`);
      failed.push(`${where}: ${told(error)}`);
      await lab.heal();
      await lab.wipe();
    }
    if (scenario.once === true) await lab.wipe();
  }
  return failed;
}

/** With what was found, where an assertion failed. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { actual } = error as { readonly actual?: unknown };
  return actual === undefined ? error.message : `${error.message}\n${String(actual)}`;
}

/** There and back alternate, so that hardly anything has to be brought back between two faults. */
function inTurns<T extends { readonly leg: Leg }>(chosen: readonly T[], legs: readonly Leg[]): readonly T[] {
  const queues = legs.map((leg) => chosen.filter((c) => c.leg === leg));
  const most = Math.max(...queues.map((q) => q.length));
  return Array.from({ length: most }, (_, i) => queues.flatMap((q) => q[i] ?? [])).flat();
}

function report(name: string, tally: ReadonlyMap<string, number>): void {
  const lines = [...tally].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, times]) => `  ${what}: ${times}`);
  process.stdout.write(`faults: ${name}${whole ? "" : ` (seed ${seed})`}\n${lines.join("\n")}\n`);
}
