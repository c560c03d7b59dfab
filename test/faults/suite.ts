import { availableParallelism } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnyFault } from "./faults.js";
import type { Lab } from "./lab.js";
import { random, sample, seed, whole } from "./schedule.js";
import { type Leg, measure, type Scenario, trial } from "./trial.js";

/** One group of tests: each scenario of a host under its faults. */
export interface Part {
  /** Opens a host of its own for each call. */
  open(): Promise<Place>;
  /** Of all scenarios. */
  readonly titles: readonly string[];
  readonly faults: readonly AnyFault[];
  /** A sampled run: so many trials of each scenario, and which scenarios. */
  readonly sampled: { readonly trials: number; readonly titles?: RegExp };
}

/** A host for itself, with what can be done on it. */
export interface Place {
  readonly lab: Lab;
  readonly scenarios: readonly Scenario[];
}

/** How many hosts try at once: most of a trial is waiting. A sample is too small to be worth a second one. */
const HOSTS = whole ? 2 * availableParallelism() : 1;

export function part(name: string, { open, titles, faults, sampled }: Part): void {
  describe(`${name}, ${whole ? "whole" : `sampled with the seed ${seed}`}`, () => {
    let places: readonly Place[] = [];
    const tally = new Map<string, number>();
    beforeAll(async () => {
      places = await Promise.all(Array.from({ length: HOSTS }, () => open()));
    });
    afterAll(async () => {
      report(name, tally);
      await Promise.all(places.map(({ lab }) => lab.close()));
    });
    test.each(titles.filter((title) => whole || (sampled.titles?.test(title) ?? true)))(
      "%s",
      async (title) => {
        const count = whole ? Number.POSITIVE_INFINITY : sampled.trials;
        const failed = await trials(places, title, { faults, count, tally });
        await Promise.all(places.map(({ lab }) => lab.wipe()));
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

/** A scenario on one host, measured there. */
interface Stage {
  readonly lab: Lab;
  readonly scenario: Scenario;
  readonly legs: readonly Leg[];
}

/** One trial; `leg` counts there and back. */
interface Chosen {
  readonly leg: number;
  readonly fault: AnyFault;
  readonly at: number;
}

/** Runs them, each host taking the next; tells what failed. */
async function trials(places: readonly Place[], title: string, extent: Extent): Promise<readonly string[]> {
  const stages = await Promise.all(places.map((place) => staged(place, title)));
  const [first] = stages;
  if (first === undefined) throw new Error("no host");
  const all = first.legs.flatMap(({ points }, leg) =>
    extent.faults.flatMap((fault) => points(fault).map((_, at): Chosen => ({ leg, fault, at }))),
  );
  const turns = inTurns(sample(all, extent.count, random(`${seed} ${first.lab.driver} ${title}`))).values();
  tell(`${title}: ${all.length} trials on ${places.length} hosts`);
  const failed: string[] = [];
  const work = async (stage: Stage) => {
    for (const turn of turns) for (const chosen of turn) failed.push(...(await tried(stage, chosen, extent.tally)));
  };
  await Promise.all(stages.map(work));
  return failed;
}

async function staged({ lab, scenarios }: Place, title: string): Promise<Stage> {
  const scenario = scenarios.find((s) => s.title === title);
  if (scenario === undefined) throw new Error("no such scenario");
  await lab.wipe();
  const ways = [[scenario.from, scenario.to] as const];
  if (scenario.op === "up" && scenario.once !== true) ways.push([scenario.to, scenario.from]);
  const legs: Leg[] = [];
  for (const way of ways) legs.push(await measure(lab, scenario, way));
  if (scenario.once === true) await lab.wipe();
  return { lab, scenario, legs };
}

/** What went wrong. After a failure everything is made anew, so that each one speaks for itself. */
async function tried(
  { lab, scenario, legs }: Stage,
  { leg, fault, at }: Chosen,
  tally: Map<string, number>,
): Promise<readonly string[]> {
  const way = legs[leg] as Leg;
  const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
  try {
    const ended = await trial(lab, scenario, way, { fault, at });
    count(`${fault}: ${ended}`);
    tell(`${scenario.title}: ${fault} at ${at}: ${ended}`);
    if (scenario.once === true) await lab.wipe();
    return [];
  } catch (error) {
    count(`${fault}: failed`);
    const failure = `${fault} at ${at} (${way.points(fault)[at]}) ${leg === 0 ? "there" : "back"}: ${told(error)}`;
    tell(`${scenario.title}: ${failure}`);
    await lab.heal();
    await lab.wipe();
    return [failure];
  }
}

/** A whole run takes hours, and one that is broken off has said what it found. */
function tell(line: string): void {
  if (whole) process.stdout.write(`${line}\n`);
}

/** With what was found, where an assertion failed. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { actual } = error as { readonly actual?: unknown };
  return actual === undefined ? error.message : `${error.message}\n${String(actual)}`;
}

/** There and back alternate, so that hardly anything has to be brought back between two faults. */
function inTurns(chosen: readonly Chosen[]): readonly (readonly Chosen[])[] {
  const queues = [0, 1].map((leg) => chosen.filter((c) => c.leg === leg));
  const most = Math.max(...queues.map((q) => q.length));
  return Array.from({ length: most }, (_, i) => queues.flatMap((q) => q[i] ?? []));
}

function report(name: string, tally: ReadonlyMap<string, number>): void {
  const lines = [...tally].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, times]) => `  ${what}: ${times}`);
  process.stdout.write(`faults: ${name}${whole ? "" : ` (seed ${seed})`}\n${lines.join("\n")}\n`);
}
