import { project } from "../../provider/core/compare.js";
import type { Observed } from "../../provider/core/driver.js";
import { check } from "../../provider/core/engine.js";
import type { Kind } from "../../provider/core/kind.js";
import { plan } from "../../provider/core/plan.js";
import type { Effect } from "../../provider/core/schema.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { type Entry, type Ground, STEPS, type Step, stepsOf, type Table } from "./entry.js";
import { pathsOf } from "./paths.js";

/** What a change does: `none` for nothing at all, `refused` where the declaration is wrong by itself. */
export interface Verdict {
  readonly effect: Effect | "none" | "refused";
  /** Reasons beside the general one, each once. */
  readonly because: readonly string[];
  /** Where the changes, or the problems, are. */
  readonly paths: readonly string[];
}

/** One cell of the matrix. */
export interface Row extends Verdict {
  readonly kind: KindName;
  /** The place, with the word that tells several entries of it apart: `cpus (up to maxCpus)`. */
  readonly at: string;
  readonly step: Step;
  readonly state: string;
}

/**
 * What the plan says of every entry of a kind in every state, without a host: the rows that the matrix tries on a real
 * one. Pure.
 */
export function rowsOf(table: Table, ground: Ground = table.names): readonly Row[] {
  const { kind, states } = table;
  return states.flatMap((state) =>
    table.entries(ground, "name").flatMap((entry) =>
      (entry.states ?? states).includes(state)
        ? STEPS.map((step): Row => {
            const [before, after] = stepsOf(kind, entry, plainIn(table, { ground, state, name: "name", entry }))[step];
            return { kind, at: entry.at, step, state, ...verdict(table, before, after, state) };
          })
        : [],
    ),
  );
}

interface Place {
  readonly ground: Ground;
  readonly state: string;
  readonly name: string;
  readonly entry: Entry;
}

/** The plain declaration in a state; the power state's own entry stands for itself. */
export const plainIn = (table: Table, { ground, state, name, entry }: Place): Words => ({
  ...table.plain(ground, name),
  ...(entry.at === "powerState" ? {} : table.inState?.(state)),
});

/** What the plan says of a change of something that is in a state. */
export function verdict(table: Table, before: Words, after: Words, state: string): Verdict {
  const { driver } = table;
  const kind: Kind = kinds[table.kind];
  const [was, will] = [before, after].map((words) => check(kind, driver, words));
  const problems = was?.problems.length ? was.problems : (will?.problems ?? []);
  if (problems.length > 0) return { effect: "refused", because: [], paths: problems.map((p) => p.path) };
  const now = present(table, state, { declared: was?.inputs ?? {}, wanted: will?.inputs ?? {} });
  const sides = { before: project(kind.properties, was?.inputs, now.properties), wanted: will?.inputs ?? {}, now };
  const { effect, changes } = plan(kind, driver, sides as never);
  return { effect: effect ?? "none", because: reasons(changes), paths: changes.map((c) => c.path) };
}

export const reasons = (changes: readonly { readonly because?: string }[]): readonly string[] => [
  ...new Set(changes.flatMap((c) => c.because ?? [])),
];

/** What a host would show of a declaration. */
function present(
  table: Table,
  state: string,
  { declared, wanted }: { readonly declared: Words; readonly wanted: Words },
): Observed<Kind> {
  const properties = { ...declared, ...table.shows(declared, state, wanted) } as Words;
  return {
    id: "id",
    properties,
    outputs: {
      active: properties["active"],
      state: properties["powerState"] ?? state,
      path: "/p",
      size: properties["size"],
    },
  } as unknown as Observed<Kind>;
}

/** Places of a kind that no entry tries. */
export const untried = (table: Table): readonly string[] => {
  const tried = new Set(table.entries(table.names, "name").map(({ at }) => at.split(" ")[0]));
  return pathsOf(kinds[table.kind].properties).filter((path) => !tried.has(path));
};
