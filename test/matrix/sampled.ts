import type { KindName } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { sample } from "../faults/schedule.js";
import { type Entry, type Ground, STEPS, type Step, stepsOf, type Table } from "./entry.js";
import { names } from "./names.js";
import { tables } from "./tables.js";
import { plainIn, type Verdict, verdict } from "./verdict.js";

/** A cell of the matrix that a program of Pulumi can bring about. */
export interface Chosen {
  readonly kind: KindName;
  readonly at: string;
  readonly step: Step;
  readonly state: string;
  readonly effect: Verdict["effect"];
}

/** How many cells of each effect a sample has. Pulumi ends at the first that is refused. */
const SHARES: Readonly<Record<Verdict["effect"], number>> = { live: 4, restart: 3, replace: 3, none: 1, refused: 1 };

/** Without those of volumes that a machine has: it would be replaced along with them. */
const STATES: readonly string[] = ["running", "stopped", "paused", "active", "started", "free"];

/** What the SDK fills in by itself, what names an object that is not there, and what waits for a guest. */
const OTHERWISE = /^(owner|adopt|waitForAddress|sha256)/;

/** A sample with cells of all effects; no place is in it twice. */
export function chosen(next: () => number): readonly Chosen[] {
  const all = Object.values(tables).flatMap((table) =>
    table.states
      .filter((state) => STATES.includes(state))
      .flatMap((state) => table.entries(names, "name").flatMap((entry) => cellsOf(table, entry, state))),
  );
  const places = new Set<string>();
  return Object.entries(SHARES).flatMap(([effect, share]) => {
    const fitting = sample(
      all.filter((cell) => cell.effect === effect),
      all.length,
      next,
    );
    const order = fitting.map((cell) => ({ cell, rank: next() })).sort((a, b) => a.rank - b.rank);
    const found: Chosen[] = [];
    for (const { cell } of order) {
      const place = `${cell.kind} ${cell.at}`;
      if (found.length === share || places.has(place)) continue;
      places.add(place);
      found.push(cell);
    }
    return found;
  });
}

function cellsOf(table: Table, entry: Entry, state: string): readonly Chosen[] {
  const { kind } = table;
  const isElsewhere = OTHERWISE.test(entry.at) || entry.planOnly !== undefined || (entry.guest && state === "running");
  if (isElsewhere || !(entry.states ?? table.states).includes(state)) return [];
  return STEPS.flatMap((step) => {
    // Without a name the SDK takes the resource's.
    if (entry.at === "name" && step !== "changed") return [];
    const [before, after] = stepsOf(kind, entry, plainIn(table, { ground: names, state, name: "name", entry }))[step];
    if (verdict(table, before, before, state).effect === "refused") return [];
    return [{ kind, at: entry.at, step, state, effect: verdict(table, before, after, state).effect }];
  });
}

/** The declarations of a cell before and after, for a resource of a name. Each has a network address of its own. */
export function declarations(
  { kind, at, step, state }: Chosen,
  { ground, name, number }: { readonly ground: Ground; readonly name: string; readonly number: number },
): readonly [Words, Words] {
  const table = tables[kind];
  const entry = table.entries(ground, name).find((e) => e.at === at);
  if (entry === undefined) throw new Error(at);
  const both = stepsOf(kind, entry, plainIn(table, { ground, state, name, entry }))[step];
  const own = JSON.stringify(both)
    .replaceAll(/10\.88\.10\.(?=\d)/g, `10.88.${100 + number}.`)
    .replaceAll(/10\.88\.11\.(?=\d)/g, `10.88.${150 + number}.`);
  return JSON.parse(own);
}
