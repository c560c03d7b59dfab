import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KindName } from "../../provider/kinds/index.js";
import { random, sample, seed, whole } from "../faults/schedule.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/engine.js";
import type { Table } from "./entry.js";
import { HypervLab } from "./hyperv-lab.js";
import { hypervTables } from "./hyperv-tables.js";
import { rowsOf } from "./verdict.js";
import { clear, fresh, type Stage, type Tally, used, walk } from "./walk.js";

/** How many entries in a state are a sample: of machines, and of all the rest. About a minute. */
const MACHINES = 6;
const OTHERS = 6;

/** An entry in a state in which a step of it reaches the host; all others are refused by the declaration alone. */
interface Trial {
  readonly table: Table;
  readonly state: string;
  readonly at: string;
}

const trialsOf = (table: Table): readonly Trial[] => {
  const rows = rowsOf(table).filter(({ effect }) => effect !== "refused");
  const places = new Map(rows.map(({ state, at }) => [`${state}: ${at}`, { table, state, at }]));
  return [...places.values()];
};

const { VirtualMachine, ...rest } = hypervTables;
const next = random(`${seed} hyperv`);
const chosen = (all: readonly Trial[], count: number) => (whole ? all : sample(all, count, next));
const trials = [
  ...chosen(trialsOf(VirtualMachine), MACHINES),
  ...chosen(Object.values(rest).flatMap(trialsOf), OTHERS),
];
const title = `each property of each kind on a Hyper-V host, changed in each state, ${whole ? "whole" : `sampled with the seed ${seed}`}`;

describe.skipIf(hypervMissing() !== undefined)(withHyperv(title), () => {
  let lab: HypervLab;
  let machine: Stage | undefined;
  const tallies = new Map<KindName, Tally>(Object.values(hypervTables).map(({ kind }) => [kind, new Map()]));
  const tallyOf = (kind: KindName): Tally => tallies.get(kind) as Tally;
  beforeAll(async () => {
    lab = await HypervLab.open();
  });
  afterAll(async () => {
    for (const [kind, tally] of tallies)
      console.info(`matrix of ${kind} on Hyper-V: ${[...tally].map(([effect, n]) => `${n} ${effect}`).join(", ")}`);
    await lab?.close();
  });

  /** One machine for all entries of a state; all else is made for each entry. */
  const stageOf = async ({ table, state }: Trial): Promise<Stage> => {
    const tally = tallyOf(table.kind);
    if (table === VirtualMachine) {
      if (machine?.state === state) return machine;
      if (machine !== undefined) await clear(machine);
      machine = { lab, table, state, ground: await lab.ground(state), tally };
      return machine;
    }
    const power = /^of a (\w+) machine$/.exec(state)?.[1];
    const ground = await lab.ground("unused", false);
    const more = power === undefined ? {} : used(lab, { powerState: power });
    return { lab, table, state, ground, tally, ...more };
  };

  for (const trial of trials)
    it(`${trial.table.kind}, ${trial.state}: ${trial.at}`, async () => {
      const { table, state, at } = trial;
      const isMachine = table === VirtualMachine;
      const stage = await stageOf(trial);
      const own = isMachine ? state : fresh(table.kind.toLowerCase());
      const entry = table.entries(stage.ground, own).find((e) => e.at === at);
      if (entry === undefined) throw new Error(at);
      let done = false;
      try {
        await walk(stage, entry, own);
        done = true;
      } finally {
        if (!done || !isMachine) await clear(stage).catch(() => undefined);
      }
    });

  it("tries all cells of what is chosen", () => {
    const rows = trials.flatMap(({ table, state, at }) =>
      rowsOf(table).filter((row) => row.state === state && row.at === at),
    );
    const tried = [...tallies.values()].flatMap((tally) => [...tally.values()]);
    expect(tried.reduce((a, b) => a + b, 0)).toBe(rows.length);
  });
});
