import { expect } from "vitest";
import type { Effect } from "../../provider/core/schema.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { Words } from "./fixture.js";
import { type Promised, planned, seen } from "./promises.js";
import { type Made, type Stand, step } from "./stand.js";
import { walks } from "./walks.js";

/** What a step of a walk does to the machine. */
async function incarnation(stand: Stand, kind: KindName, { id }: Made): Promise<string | number | undefined> {
  return kind === "VirtualMachine" ? stand.fixture.incarnation(id) : undefined;
}

/**
 * One update: planned, done, read back. A plan that says `live` leaves the machine as it is; one that says `restart`
 * starts it anew.
 */
export async function updated(stand: Stand, kind: KindName, made: Made, words: Words): Promise<Made> {
  const wanted = stand.checked(kind, words);
  const plan = await planned(stand, kind, made, wanted);
  expect(plan.action, plan.changes.map((c) => c.path).join()).not.toBe("replace");
  const before = await incarnation(stand, kind, made);
  const after = await stand.engine(kind).update(made.id, made.inputs, wanted, step());
  expect(after.id).toBe(made.id);
  expect(await planned(stand, kind, after, wanted)).toMatchObject({ action: "none", changes: [] });
  told(plan.effect, before, await incarnation(stand, kind, after));
  stand.remember(kind, after.id, after.inputs);
  return after;
}

function told(effect: Effect | undefined, before: unknown, after: unknown): void {
  if (before === undefined || after === undefined) return;
  if (effect === "restart") expect(after, "the plan said restart").not.toBe(before);
  else expect(after, "the plan said live").toBe(before);
}

/** Walks a property through its values, and looks each time whether the host has it. */
const inPlace =
  (title: string): Promised =>
  async (stand, kind) => {
    const property = title.split(" ")[0] ?? title;
    let words = await stand.words(kind);
    const walk = await walks[kind][title]?.(stand, words);
    let made = await stand.create(kind, words);
    for (const change of walk ?? []) {
      const was = (await seen(stand, kind, made)).properties[property];
      words = { ...words, ...change };
      made = await updated(stand, kind, made, words);
      const is = (await seen(stand, kind, made)).properties[property];
      expect(is ?? undefined, `${title} is still ${JSON.stringify(was)}`).not.toEqual(was ?? null);
    }
  };

/** The walks of a kind as promises. */
export const changes = (kind: KindName): Readonly<Record<string, Promised>> =>
  Object.fromEntries(Object.keys(walks[kind]).map((title) => [`changes ${title} in place`, inPlace(title)]));

/** Properties that can change in place and have no walk. */
export const unwalked = (kind: KindName): readonly string[] => {
  const walked = new Set(Object.keys(walks[kind]).map((title) => title.split(" ")[0]));
  return Object.entries(kinds[kind].properties)
    .filter(
      ([name, p]) =>
        !walked.has(name) && !("policy" in p && p.policy) && !("onChange" in p && p.onChange === "replace"),
    )
    .map(([name]) => name);
};
