import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KindName } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { all, isSettled, said, stepOf } from "../e2e/lab.js";
import { random, seed } from "../faults/schedule.js";
import { openStack, type Preview, type Stack } from "../pulumi/stack.js";
import { missing } from "../scale/lab.js";
import { happened } from "./cell.js";
import type { Made } from "./lab.js";
import { LibvirtLab } from "./libvirt-lab.js";
import { type Chosen, chosen, declarations } from "./sampled.js";
import { tables } from "./tables.js";
import { type Verdict, verdict } from "./verdict.js";

/** Milliseconds that a step on all cells may take. */
const LIMIT = 600_000;
const title = `what the real CLI says of a change is what happens, sampled with the seed ${seed}`;

/** A cell with its resource. */
interface Cell extends Chosen {
  readonly name: string;
  readonly before: Words;
  readonly after: Words;
}

/** How a kind gets into a state that no declaration says. */
const STOP: Readonly<Partial<Record<KindName, string>>> = { Network: "net-destroy", StoragePool: "pool-destroy" };

const OPS: Readonly<Record<Verdict["effect"], readonly string[]>> = {
  live: ["update"],
  restart: ["update"],
  // A policy is written into the state.
  none: ["same", "update"],
  replace: ["replace", "delete-replaced", "create-replacement"],
  refused: [],
};

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: LibvirtLab;
  let stack: Stack;
  const cells: Cell[] = [];
  const declare = (declared: (cell: Cell) => Words) => {
    const lines = cells.map((cell) => {
      const { owner: _, ...words } = declared(cell);
      return `new crossvisor.${cell.kind}("${cell.name}", ${JSON.stringify(words)});`;
    });
    return stack.program(lines.join("\n"));
  };
  const made = async (): Promise<ReadonlyMap<string, Made>> => {
    const { resources } = await stack.state();
    return new Map(
      resources.map(({ urn, id = "", outputs }) => [
        urn.split("::").at(-1) ?? urn,
        { id, inputs: {}, outputs } as Made,
      ]),
    );
  };
  beforeAll(async () => {
    lab = await LibvirtLab.open();
    stack = await openStack();
    await stack.config("crossvisor:uri", lab.daemon.uri);
    for (const [number, cell] of chosen(random(`${seed} matrix`)).entries()) {
      const name = `c${number}`;
      const ground = await lab.ground(name, cell.kind === "VirtualMachine");
      const [before, after] = declarations(cell, { ground, name, number });
      cells.push({ ...cell, name, before, after });
    }
    await declare(({ before }) => before);
    await stack.up();
    const there = await made();
    for (const { name, kind, state, effect } of cells) {
      const stop = state === "stopped" && effect !== "refused" ? STOP[kind] : undefined;
      if (stop !== undefined) await lab.daemon.virsh(stop, String(there.get(name)?.id));
    }
  }, LIMIT);
  afterAll(async () => {
    await stack?.close();
    await lab?.close();
  });

  /** What the preview says of a resource, as the tables tell it. */
  const told = (preview: Preview, { name, kind, before, after, state }: Cell): Verdict => {
    const expected = verdict(tables[kind], before, after, state);
    // A preview speaks of what is declared: a change of the name is told under the new one.
    const called = [before, after].map((words) => String(words["name"] ?? name));
    const lines = said(preview).filter((line) => called.some((one) => line.startsWith(`${one}: `)));
    for (const path of expected.paths)
      expect(
        lines.some((line) => called.some((one) => line.startsWith(`${one}: ${path}: `))),
        `${name} ${path}`,
      ).toBe(true);
    expect(lines, name).toHaveLength(expected.paths.length);
    const says = (words: RegExp) => lines.some((line) => words.test(line));
    const effect = says(/: needs a replacement/) ? "replace" : says(/: needs a restart/) ? "restart" : "live";
    expect(lines.length === 0 ? "none" : effect, `${name} ${lines.join()}`).toBe(expected.effect);
    expect(OPS[expected.effect], name).toContain(stepOf(preview, name).op);
    return expected;
  };

  it(
    "does what it said: live, with a restart, by a replacement, or nothing",
    async () => {
      const tried = cells.filter(({ effect }) => effect !== "refused");
      console.info(
        tried.map(({ kind, at, step, state, effect }) => `${kind} ${state}: ${at} ${step}: ${effect}`).join("\n"),
      );
      const was = await made();
      const before = new Map<string, string | undefined>();
      for (const { name, kind } of tried) before.set(name, await lab.incarnation(kind, was.get(name) as Made));
      for (const { id } of was.values()) await lab.heard(id);
      await declare((cell) => (cell.effect === "refused" ? cell.before : cell.after));
      const preview = await stack.preview();
      const words = tried.map((cell) => ({ cell, told: told(preview, cell) }));
      await stack.up();
      await isSettled(stack);
      const is = await made();
      for (const { cell, told: telling } of words) {
        const { kind, name } = cell;
        const course = {
          told: telling,
          before: before.get(name),
          was: was.get(name) as Made,
          is: is.get(name) as Made,
        };
        await happened(lab, kind, course).catch((error: Error) => {
          error.message = `${name} ${kind} ${cell.state}: ${cell.at} ${cell.step}: ${error.message}`;
          throw error;
        });
      }
    },
    LIMIT,
  );

  it("refuses by the place what the tables refuse", async () => {
    const refused = cells.filter(({ effect }) => effect === "refused");
    expect(refused).toHaveLength(1);
    await declare((cell) => cell.after);
    const outcome = await stack.run(["preview", "--non-interactive", "--color=never"]);
    expect(outcome.code).not.toBe(0);
    for (const { kind, before, after, state } of refused)
      for (const path of verdict(tables[kind], before, after, state).paths)
        expect(all(outcome)).toContain(`property ${path} value`);
  });
});
