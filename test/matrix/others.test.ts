import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KindName } from "../../provider/kinds/index.js";
import { requirements } from "../hosts/requirements.js";
import type { Table } from "./entry.js";
import type { Made } from "./lab.js";
import { LibvirtLab } from "./libvirt-lab.js";
import { names } from "./names.js";
import { network, pool, volume } from "./others.js";
import { rowsOf } from "./verdict.js";
import { clear, fresh, type Stage, type Tally, used, walk } from "./walk.js";

const missing = requirements();
const title = "each property of networks, volumes and pools, changed in each state";

/** How an object is brought into a state that no declaration says. */
type Enter = (lab: LibvirtLab, made: Made) => Promise<void>;

const stopped =
  (command: string): Enter =>
  async (lab, { id }) => {
    await lab.daemon.virsh(command, id).catch((error: Error) => {
      if (!/is not active/.test(error.message)) throw error;
    });
  };

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtLab;
  const tallies = new Map<KindName, Tally>();
  beforeAll(async () => {
    lab = await LibvirtLab.open();
  });
  afterAll(async () => {
    for (const [kind, tally] of tallies)
      console.info(`matrix of ${kind}: ${[...tally].map(([effect, n]) => `${n} ${effect}`).join(", ")}`);
    await lab?.close();
  });

  const tries = (table: Table, state: string, stage: () => Promise<Partial<Stage>>) =>
    describe(`${table.kind}, ${state}`, () => {
      const tally: Tally = new Map();
      for (const { at, states = table.states, planOnly: elsewhere } of table.entries(names, "name"))
        if (elsewhere === undefined && states.includes(state))
          it(at, async () => {
            const name = fresh(table.kind.toLowerCase());
            const ground = await lab.ground("unused", false);
            const entry = table.entries(ground, name).find((e) => e.at === at);
            if (entry === undefined) throw new Error(at);
            const on: Stage = { lab, table, state, ground, tally, ...(await stage()) };
            try {
              await walk(on, entry, name);
            } finally {
              await on.leave?.();
              await clear(on).catch(() => undefined);
            }
          });
      it("tries all cells", () => {
        const elsewhere = new Set(
          table.entries(names, "name").flatMap((e) => (e.planOnly === undefined ? [] : [e.at])),
        );
        const all = rowsOf(table).filter((row) => row.state === state && !elsewhere.has(row.at));
        expect([...tally.values()].reduce((a, b) => a + b, 0)).toBe(all.length);
        const sum = tallies.get(table.kind) ?? new Map<string, number>();
        for (const [effect, n] of tally) sum.set(effect, (sum.get(effect) ?? 0) + n);
        tallies.set(table.kind, sum);
      });
    });

  tries(network, "active", async () => ({}));
  tries(network, "stopped", async () => ({ enter: (made) => stopped("net-destroy")(lab, made) }));
  tries(pool, "started", async () => ({}));
  tries(pool, "stopped", async () => ({ enter: (made) => stopped("pool-destroy")(lab, made) }));
  tries(volume, "free", async () => ({}));
  for (const powerState of ["stopped", "running"])
    tries(volume, `of a ${powerState} machine`, async () => used(lab, { firmware: "bios", powerState }));
});
