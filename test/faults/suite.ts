import { availableParallelism } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnyFault } from "./faults.js";
import type { Points } from "./lab.js";
import { random, sample, seed, whole } from "./schedule.js";

/** One group of tests: each scenario of a host under its faults. */
export interface Part {
  /** Opens a host of its own for each call. */
  open(): Promise<Place>;
  /** Of all scenarios. */
  readonly titles: readonly string[];
  readonly faults: readonly AnyFault[];
  /** A sampled run: so many trials of each scenario, and which scenarios: these, or so many of them by chance. */
  readonly sampled: { readonly trials: number; readonly titles?: RegExp | number };
}

/** A host for itself. */
export interface Place {
  /** Makes a scenario ready and measures it. */
  stage(title: string): Promise<Stage>;
  close(): Promise<void>;
}

/** One scenario on one host. */
export interface Stage {
  /** For each leg the points at which a fault can happen. The second leg leads back to where the first one begins. */
  readonly legs: readonly Points[];
  /** Throws what went wrong. */
  attempt(trial: Trial): Promise<Ended>;
  /** Makes the host and the state what they were at first. */
  afresh(): Promise<void>;
}

export interface Trial {
  readonly leg: number;
  readonly fault: AnyFault;
  readonly at: number;
}

export type Ended = "survived" | "not reached";

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
      await Promise.all(places.map((place) => place.close()));
    });
    test.each(whole ? titles : chosen(name, titles, sampled.titles))(
      "%s",
      async (title) => {
        const count = whole ? Number.POSITIVE_INFINITY : sampled.trials;
        const stages = await Promise.all(places.map((place) => place.stage(title)));
        const failed = await trials(stages, { title, next: random(`${seed} ${name} ${title}`), faults, count, tally });
        await Promise.all(stages.map((stage) => stage.afresh()));
        expect(failed).toEqual([]);
      },
      36_000_000,
    );
  });
}

function chosen(name: string, titles: readonly string[], which: RegExp | number = titles.length): readonly string[] {
  if (typeof which === "number") return sample(titles, which, random(`${seed} ${name}`));
  return titles.filter((title) => which.test(title));
}

interface Extent extends Pick<Part, "faults"> {
  readonly title: string;
  readonly next: () => number;
  readonly count: number;
  readonly tally: Map<string, number>;
}

/** Runs them, each host taking the next; tells what failed. */
async function trials(stages: readonly Stage[], extent: Extent): Promise<readonly string[]> {
  const legs = stages[0]?.legs ?? [];
  const all = legs.flatMap((points, leg) =>
    extent.faults.flatMap((fault) => points(fault).map((_, at): Trial => ({ leg, fault, at }))),
  );
  const turns = inTurns(sample(all, extent.count, extent.next)).values();
  tell(`${extent.title}: ${all.length} trials on ${stages.length} hosts`);
  const failed: string[] = [];
  const work = async (stage: Stage) => {
    for (const turn of turns) for (const trial of turn) failed.push(...(await tried(stage, trial, extent)));
  };
  await Promise.all(stages.map(work));
  return failed;
}

/** What went wrong. After a failure everything is made anew, so that each one speaks for itself. */
async function tried(stage: Stage, trial: Trial, { title, tally }: Extent): Promise<readonly string[]> {
  const { leg, fault, at } = trial;
  const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
  try {
    const ended = await stage.attempt(trial);
    count(`${fault}: ${ended}`);
    tell(`${title}: ${fault} at ${at}: ${ended}`);
    return [];
  } catch (error) {
    count(`${fault}: failed`);
    const failure = `${fault} at ${at} (${stage.legs[leg]?.(fault)[at]}) ${leg === 0 ? "there" : "back"}: ${told(error)}`;
    tell(`${title}: ${failure}`);
    await stage.afresh();
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
function inTurns(trials: readonly Trial[]): readonly (readonly Trial[])[] {
  const queues = [0, 1].map((leg) => trials.filter((trial) => trial.leg === leg));
  const most = Math.max(...queues.map((q) => q.length));
  return Array.from({ length: most }, (_, i) => queues.flatMap((q) => q[i] ?? []));
}

function report(name: string, tally: ReadonlyMap<string, number>): void {
  const lines = [...tally].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, times]) => `  ${what}: ${times}`);
  process.stdout.write(`faults: ${name}${whole ? "" : ` (seed ${seed})`}\n${lines.join("\n")}\n`);
}
