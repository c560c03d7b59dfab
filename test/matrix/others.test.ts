import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KindName } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { quickly } from "../contract/libvirt-fixture.js";
import { requirements } from "../hosts/requirements.js";
import type { Table } from "./entry.js";
import { Lab, type Made } from "./lab.js";
import { network, pool, volume } from "./others.js";
import { names, rowsOf } from "./verdict.js";
import { clear, fresh, type Stage, type Tally, walk } from "./walk.js";

const missing = requirements();
const title = "each property of networks, volumes and pools, changed in each state";

/** How an object is brought into a state that no declaration says. */
type Enter = (lab: Lab, made: Made) => Promise<void>;

const stopped =
  (command: string): Enter =>
  async (lab, { id }) => {
    await lab.daemon.virsh(command, id).catch((error: Error) => {
      if (!/is not active/.test(error.message)) throw error;
    });
  };

/** A machine that has the volume; the volume's deletion has to wait until it has gone. */
const machineOf = (name: string, made: Made, powerState: string): Words => ({
  ...{ owner: "matrix/suite", name, firmware: "bios", memory: "32MiB", ...quickly, powerState },
  disks: [{ name: "it", volume: made.outputs["path"] }],
});

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: Lab;
  const tallies = new Map<KindName, Tally>();
  beforeAll(async () => {
    lab = await Lab.open();
  });
  afterAll(async () => {
    for (const [kind, tally] of tallies)
      console.info(`matrix of ${kind}: ${[...tally].map(([effect, n]) => `${n} ${effect}`).join(", ")}`);
    await lab?.close();
  });

  const tries = (
    table: Table,
    state: string,
    stage: () => Promise<Partial<Stage> & { readonly end?: () => Promise<void> }>,
  ) =>
    describe(`${table.kind}, ${state}`, () => {
      const tally: Tally = new Map();
      for (const { at, states = table.states, planOnly: elsewhere } of table.entries(names, "name"))
        if (elsewhere === undefined && states.includes(state))
          it(at, async () => {
            const name = fresh(table.kind.toLowerCase());
            const ground = await lab.ground("unused", false);
            const entry = table.entries(ground, name).find((e) => e.at === at);
            if (entry === undefined) throw new Error(at);
            const { end, ...more } = await stage();
            const on: Stage = { lab, table, state, ground, tally, ...more };
            try {
              await walk(on, entry, name);
            } finally {
              await end?.();
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
    tries(volume, `of a ${powerState} machine`, async () => {
      let machine: Made | undefined;
      const end = async () => {
        if (machine !== undefined) await lab.remove("VirtualMachine", machine);
        machine = undefined;
      };
      return {
        enter: async (made) => {
          machine ??= await lab.create("VirtualMachine", machineOf(fresh("user"), made, powerState));
        },
        leave: end,
        end,
      };
    });
});
