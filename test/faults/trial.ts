import { expect } from "vitest";
import type { AnyFault } from "./faults.js";
import { type Lab, namesOf, type Points } from "./lab.js";
import type { Declared } from "./pulumi.js";
import type { Ended, Place, Stage } from "./suite.js";

/** One operation that faults happen to. */
export interface Scenario {
  readonly title: string;
  /** There before and after. */
  readonly base: readonly Declared[];
  /** There before, beside the base. */
  readonly from: readonly Declared[];
  /** There afterwards, beside the base. */
  readonly to: readonly Declared[];
  readonly op: "up" | "refresh";
  /** There is no way back: everything is made anew for each fault. */
  readonly once?: boolean;
  /** Throws when data is destroyed. Run with the names that are declared. */
  readonly intact?: (lab: Lab, names: readonly string[]) => Promise<void>;
  /** Writes the data, once the base or what is declared is there. */
  readonly fill?: (lab: Lab, names: readonly string[]) => Promise<void>;
}

/** One direction of a scenario, with what it does when nothing goes wrong. */
interface Leg {
  readonly from: readonly Declared[];
  readonly to: readonly Declared[];
  readonly op: Scenario["op"];
  readonly points: Points;
  /** What the host has afterwards. */
  readonly after: unknown;
}

/** A host of a lab as a place for all these scenarios. */
export const placeOf = (lab: Lab, scenarios: readonly Scenario[]): Place => ({
  stage: (title) => {
    const scenario = scenarios.find((s) => s.title === title);
    if (scenario === undefined) throw new Error(`no scenario is called ${title}`);
    return staged(lab, scenario);
  },
  close: () => lab.close(),
});

async function staged(lab: Lab, scenario: Scenario): Promise<Stage> {
  await lab.wipe();
  const ways = [[scenario.from, scenario.to] as const];
  if (scenario.op === "up" && scenario.once !== true) ways.push([scenario.to, scenario.from]);
  const legs: Leg[] = [];
  for (const way of ways) legs.push(await measure(lab, scenario, way));
  if (scenario.once === true) await lab.wipe();
  return {
    legs: legs.map(({ points }) => points),
    attempt: async ({ leg, fault, at }) => {
      const ended = await trial(lab, scenario, legs[leg] as Leg, { fault, at });
      if (scenario.once === true) await lab.wipe();
      return ended;
    },
    afresh: async () => {
      await lab.heal();
      await lab.wipe();
    },
  };
}

/** Brings the host to a program without faults. */
async function bring(lab: Lab, scenario: Scenario, program: readonly Declared[]): Promise<void> {
  const wanted = namesOf([...scenario.base, ...program]);
  if (lab.stack.names.some((name) => !wanted.includes(name))) await lab.powerOff();
  // Data is written before any machine has it open.
  for (const step of [scenario.base, [...scenario.base, ...program]]) {
    const had = lab.stack.names;
    await lab.calmly((process) =>
      lab.stack.up(process, step === scenario.base ? [...step, ...known(program, had)] : step),
    );
    const made = namesOf(step).filter((name) => !had.includes(name));
    if (made.length > 0) await scenario.fill?.(lab, made);
  }
}

const known = (program: readonly Declared[], names: readonly string[]) =>
  program.filter(({ name }) => names.includes(name));

/** Carries a leg out once without a fault, and remembers what it sent and what came of it. */
async function measure(
  lab: Lab,
  scenario: Scenario,
  [from, to]: readonly [readonly Declared[], readonly Declared[]],
): Promise<Leg> {
  const { op } = scenario;
  await bring(lab, scenario, from);
  await lab.faults.arm();
  await carryOut(lab, scenario, { to, op }, "patient");
  const points = await lab.faults.points();
  const after = await lab.inventory();
  return { from, to, op, points, after };
}

async function carryOut(
  lab: Lab,
  { base }: Scenario,
  { to, op }: Pick<Leg, "to" | "op">,
  patience: "patient" | "impatient",
): Promise<void> {
  const process = lab.process(patience);
  try {
    if (op === "up") await lab.stack.up(process, [...base, ...to]);
    else await lab.stack.refresh(process);
  } finally {
    await process.close();
  }
}

/** One fault at one message of a leg; then the next update has to bring everything to what is declared. */
async function trial(
  lab: Lab,
  scenario: Scenario,
  leg: Leg,
  { fault, at }: { readonly fault: AnyFault; readonly at: number },
): Promise<Ended> {
  await bring(lab, scenario, leg.from);
  const program = [...scenario.base, ...leg.to];
  const had = lab.stack.names.filter((name) => namesOf(program).includes(name));
  await lab.faults.arm({ fault, at, point: leg.points(fault)[at] ?? "" });
  const failure = await carryOut(lab, scenario, leg, "impatient").then(
    () => undefined,
    (error: unknown) => error,
  );
  const fired = await lab.faults.fired();
  await lab.heal();
  if (failure !== undefined) understandable(failure);
  expect(lab.stack.names, "what exists stays in the state").toEqual(expect.arrayContaining([...had]));
  // A user may look first or not: both have to end well.
  if (at % 2 === 1) {
    await lab.calmly((process) => lab.stack.refresh(process));
    expect(lab.stack.names, "a refresh loses nothing").toEqual(expect.arrayContaining([...had]));
  }
  await lab.calmly((process) => lab.stack.up(process, program));
  await converged(lab, scenario, leg);
  await scenario.intact?.(lab, had);
  return fired ? "survived" : "not reached";
}

/** The host has exactly what is declared, the data is as it was, and nothing is left to do. */
async function converged(lab: Lab, scenario: Scenario, { to, after }: Leg): Promise<void> {
  const program = [...scenario.base, ...to];
  const left = await lab.calmly((process) => lab.stack.preview(process, program));
  expect(left, "a second preview is empty").toEqual([]);
  const now = await lab.inventory();
  const [declared, there] = [after, now].map((i) => JSON.stringify(i, undefined, 1).split("\n"));
  const odd = [
    ...missingIn(declared, there).map((l) => `lacks ${l}`),
    ...missingIn(there, declared).map((l) => `has ${l}`),
  ];
  expect(odd, "the host has what is declared and nothing else").toEqual([]);
  expect(now).toEqual(after);
  await lab.calmly((process) => lab.stack.refresh(process));
  expect(await lab.calmly((process) => lab.stack.preview(process, program)), "a refresh finds nothing").toEqual([]);
}

/** What a user reads: what was wanted of what, what went wrong, and what to do. */
function understandable(failure: unknown): void {
  const text = failure instanceof Error ? failure.message : String(failure);
  expect(text).not.toMatch(/bug in crossvisor|undefined|\[object/);
  expect(text.length).toBeGreaterThan(20);
}

const missingIn = (all: readonly string[] = [], some: readonly string[] = []): readonly string[] =>
  all.filter((line) => !some.includes(line)).map((line) => line.trim());
