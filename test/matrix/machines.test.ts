import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { random, sample, seed, whole } from "../faults/schedule.js";
import { requirements } from "../hosts/requirements.js";
import { LibvirtLab } from "./libvirt-lab.js";
import { machine } from "./machine.js";
import { names } from "./names.js";
import { rowsOf } from "./verdict.js";
import { clear, type Stage, type Tally, walk } from "./walk.js";

const missing = requirements();
const extent = whole ? "whole" : `sampled with the seed ${seed}`;
const title = `each property of a virtual machine, changed while it runs, is stopped and is paused (the last ${extent})`;

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtLab;
  const stages = new Map<string, Stage>();
  const tally: Tally = new Map();
  const entries = machine.entries(names, "name");
  // A paused machine's plan is that of a running one: a sample, another one in each run, sees that it stays so.
  const paused = whole ? entries : sample(entries, Math.ceil(entries.length / 3), random(`${seed} paused`));
  /** Only a booted guest releases a device while it runs. */
  const isTried = (at: string, state: string): boolean =>
    state === "paused"
      ? paused.some((entry) => entry.at === at)
      : state !== "running" || !entries.some((entry) => entry.guest && entry.at === at);
  beforeAll(async () => {
    lab = await LibvirtLab.open();
    for (const state of machine.states)
      stages.set(state, { lab, table: machine, state, ground: await lab.ground(state), tally });
  });
  afterAll(async () => {
    console.info(`matrix of virtual machines: ${[...tally].map(([effect, n]) => `${n} ${effect}`).join(", ")}`);
    await lab?.close();
  });

  for (const { at, states = machine.states } of entries)
    it(at, async () => {
      const tried = await Promise.allSettled(
        states
          .filter((state) => isTried(at, state))
          .map(async (state) => {
            const stage = stages.get(state) as Stage;
            const entry = machine.entries(stage.ground, state).find((e) => e.at === at);
            if (entry === undefined) throw new Error(at);
            await walk(stage, entry, state);
          }),
      );
      const failed = tried.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
      if (failed.length > 0) {
        for (const stage of stages.values()) await clear(stage).catch(() => undefined);
        throw failed.length === 1 ? failed[0] : new Error(failed.map((e) => String(e.message ?? e)).join("\n"));
      }
    });

  it("tries all cells but those of a booted guest and what the sample leaves out", () => {
    const all = rowsOf(machine).filter(({ at, state }) => isTried(at, state));
    expect([...tally.values()].reduce((a, b) => a + b, 0)).toBe(all.length);
  });
});
