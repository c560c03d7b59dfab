import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requirements } from "../hosts/requirements.js";
import { Lab } from "./lab.js";
import { machine } from "./machine.js";
import { names, rowsOf } from "./verdict.js";
import { clear, type Stage, type Tally, walk } from "./walk.js";

const missing = requirements();
const title = "each property of a virtual machine, changed while it runs, is stopped and is paused";

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: Lab;
  const stages = new Map<string, Stage>();
  const tally: Tally = new Map();
  beforeAll(async () => {
    lab = await Lab.open();
    for (const state of machine.states)
      stages.set(state, { lab, table: machine, state, ground: await lab.ground(state), tally });
  });
  afterAll(async () => {
    console.info(`matrix of virtual machines: ${[...tally].map(([effect, n]) => `${n} ${effect}`).join(", ")}`);
    await lab?.close();
  });

  for (const { at, states = machine.states } of machine.entries(names, "name"))
    it(at, async () => {
      const tried = await Promise.allSettled(
        states.map(async (state) => {
          const stage = stages.get(state) as Stage;
          const entry = machine.entries(stage.ground, state).find((e) => e.at === at);
          if (entry === undefined) throw new Error(at);
          // Only a booted guest releases a device while it runs.
          if (entry.guest && state === "running") return;
          await walk(stage, entry, state);
        }),
      );
      const failed = tried.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
      if (failed.length > 0) {
        for (const stage of stages.values()) await clear(stage).catch(() => undefined);
        throw failed.length === 1 ? failed[0] : new Error(failed.map((e) => String(e.message ?? e)).join("\n"));
      }
    });

  it("tries all cells but those of a booted guest", () => {
    const guests = new Set(machine.entries(names, "name").flatMap((e) => (e.guest ? [e.at] : [])));
    const all = rowsOf(machine).filter((row) => row.state !== "running" || !guests.has(row.at));
    expect([...tally.values()].reduce((a, b) => a + b, 0)).toBe(all.length);
  });
});
