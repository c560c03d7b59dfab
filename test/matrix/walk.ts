import { expect } from "vitest";
import type { AnyProperty } from "../../provider/core/schema.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { quickly } from "../contract/libvirt-fixture.js";
import { change, preview, updated } from "./cell.js";
import { type Entry, type Ground, STEPS, stepsOf, type Table } from "./entry.js";
import type { Lab, Made } from "./lab.js";
import { propertiesAt } from "./paths.js";
import { plainIn, verdict } from "./verdict.js";

/** How many cells were tried, by what they did. */
export type Tally = Map<string, number>;

/** Where entries are tried: one object in one state. */
export interface Stage {
  readonly lab: Lab;
  readonly table: Table;
  readonly state: string;
  readonly ground: Ground;
  readonly tally: Tally;
  /** Brings a fresh object, or the one that a change left, into the state, as far as no declaration says it. */
  enter?(made: Made): Promise<void>;
  /** The object is kept for the next entry whatever an entry leaves behind in it. */
  readonly stays?: boolean;
  /** Ends what keeps the object from being replaced or removed. */
  leave?(): Promise<void>;
  /** The object of the last entry, with what was declared of it. */
  last?: { readonly made: Made; readonly words: Words } | undefined;
}

let names = 0;

/** Tries one entry: adds it, changes it, takes it out. Each step must do what the table without a host says. */
export async function walk(stage: Stage, entry: Entry, own: string): Promise<void> {
  const { lab, table, state, ground } = stage;
  const { kind } = table;
  const plain = plainIn(table, { ground, state, name: own, entry });
  if (entry.fresh && !stage.stays) await clear(stage);
  const steps = stepsOf(kind, entry, plain);
  for (const step of STEPS) {
    const [before, after] = steps[step];
    const said = verdict(table, before, after, state);
    stage.tally.set(said.effect, (stage.tally.get(said.effect) ?? 0) + 1);
    if (said.effect === "refused") {
      expect(said.paths.length, `${entry.at} ${step}`).toBeGreaterThan(0);
      continue;
    }
    const at = `${kind} ${state}: ${entry.at} ${step}`;
    const { made } = await reach(stage, before).catch(located(`${at}: before`));
    await stage.enter?.(made);
    if (said.effect === "replace" && stage.leave !== undefined) await held(stage, made, after).catch(located(at));
    const { told, made: is } = await change(lab, kind, made, after).catch(located(at));
    stage.last = { made: is, words: after };
    expect({ ...told, paths: [...told.paths].sort() }, at).toEqual({ ...said, paths: [...said.paths].sort() });
  }
  if (!stage.stays && (kind !== "VirtualMachine" || leavesTraces(kind, entry))) await clear(stage);
}

/** What uses an object keeps it from being deleted: it goes first. */
async function held({ lab, table, leave }: Stage, made: Made, after: Words): Promise<void> {
  const told = await preview(lab, table.kind, made, after);
  expect(told.effect).toBe("replace");
  await expect(lab.remove(table.kind, made)).rejects.toMatchObject({ code: "busy" });
  await leave?.();
}

const located = (at: string) => (error: unknown) => {
  if (error instanceof Error) error.message = `${at}: ${error.message}`;
  throw error;
};

/** What is taken out of a declaration and stays would be seen by the next entry. */
const leavesTraces = (kind: KindName, { at }: Entry): boolean =>
  propertiesAt(kinds[kind].properties, at.split(" ")[0] ?? at).some((p: AnyProperty) => p.keep);

/** The object as these words declare it: the one that is there, where an update leads to it, or a new one. */
async function reach(stage: Stage, words: Words): Promise<{ readonly made: Made }> {
  const { lab, table, state, last } = stage;
  if (last?.words === words) return last;
  if (last !== undefined) {
    const { effect } = verdict(table, last.words, words, state);
    const leads = effect !== "refused" && effect !== "replace";
    const made = leads ? await updated(lab, table.kind, last.made, words).catch(() => undefined) : undefined;
    if (made !== undefined) {
      stage.last = { made, words };
      return { made };
    }
    await clear(stage);
  }
  const made = await lab.create(table.kind, words);
  stage.last = { made, words };
  return { made };
}

export async function clear(stage: Stage): Promise<void> {
  const { last } = stage;
  stage.last = undefined;
  await stage.leave?.();
  if (last !== undefined) await stage.lab.remove(stage.table.kind, last.made);
}

/** A volume that a machine has: its deletion has to wait until that has gone. */
export function used(lab: Lab, words: Words): Pick<Stage, "enter" | "leave"> {
  let user: Made | undefined;
  const common = { owner: "matrix/suite", memory: "32MiB", ...quickly };
  return {
    enter: async ({ outputs }) => {
      const disks = [{ name: "it", volume: outputs["path"] }];
      user ??= await lab.create("VirtualMachine", { ...common, name: fresh("user"), ...words, disks });
    },
    leave: async () => {
      if (user !== undefined) await lab.remove("VirtualMachine", user);
      user = undefined;
    },
  };
}

/** A name that nothing has. */
export const fresh = (what: string): string => {
  names += 1;
  return `${what}-${names}`;
};
