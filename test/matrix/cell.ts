import { expect } from "vitest";
import { project } from "../../provider/core/compare.js";
import { aimed, type Engine } from "../../provider/core/engine.js";
import { isProviderError } from "../../provider/core/errors.js";
import type { Kind } from "../../provider/core/kind.js";
import type { KindName } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { step } from "../contract/stand.js";
import type { Inputs, Lab, Made } from "./lab.js";
import { reasons, type Verdict } from "./verdict.js";

/** What a preview says of a change, with all that it asks: the declaration's own rules, the host, and the plan. */
export const preview = (lab: Lab, kind: KindName, made: Made, words: Words): Promise<Verdict> =>
  previewed(lab.engine(kind), made, words);

async function previewed(engine: Engine<Kind, unknown>, made: Made, words: Words): Promise<Verdict> {
  const { inputs, problems } = engine.check(words);
  const refused = (paths: readonly string[]): Verdict => ({ effect: "refused", because: [], paths });
  if (problems.length > 0) return refused(problems.map((p) => p.path));
  const objections = await engine.examine(inputs, made.id, made.inputs);
  if (objections.length > 0) return refused(objections.map((p) => p.path));
  const wanted = aimed(engine.kind, made.inputs, inputs);
  const now = await engine.observe(made.id, wanted, made.outputs);
  if (now === undefined) throw new Error(`${made.id} is gone`);
  const before = project(engine.kind.properties, made.inputs, now.properties);
  try {
    const { effect, changes } = engine.plan(before, inputs as Inputs, now);
    return { effect: effect ?? "none", because: reasons(changes), paths: changes.map((c) => c.path) };
  } catch (error) {
    if (!isProviderError(error, "invalid")) throw error;
    return refused(error.where.property?.split(", ") ?? []);
  }
}

/** Words that turn an effect into an error of the preview. */
const FORBIDDING: Readonly<Partial<Record<KindName, { readonly effects: readonly string[]; readonly words: Words }>>> =
  {
    VirtualMachine: { effects: ["restart", "replace"], words: { restartPolicy: "never" } },
    Volume: { effects: ["replace"], words: { allowDataLoss: false } },
  };

/** One change of one object: previewed, made, looked at. Gives what the preview said and what there is now. */
export async function change(
  lab: Lab,
  kind: KindName,
  made: Made,
  words: Words,
): Promise<{ readonly told: Verdict; readonly made: Made }> {
  const told = await preview(lab, kind, made, words);
  await forbidden(lab, kind, made, words, told);
  if (told.effect === "refused") return { told, made };
  const before = await lab.incarnation(kind, made);
  await lab.heard(made.id);
  const after =
    told.effect === "replace" ? await replaced(lab, kind, made, words) : await updated(lab, kind, made, words);
  await happened(lab, kind, { told, before, was: made, is: after });
  await settled(lab, kind, after, words);
  return { told, made: after };
}

async function forbidden(lab: Lab, kind: KindName, made: Made, words: Words, told: Verdict): Promise<void> {
  const rule = FORBIDDING[kind];
  if (rule === undefined || !rule.effects.includes(told.effect)) return;
  const { effect, paths } = await preview(lab, kind, made, { ...words, ...rule.words });
  expect(effect, "the declaration's own policy").toBe("refused");
  for (const path of paths) expect(told.paths).toContain(path);
  expect(paths.length).toBeGreaterThan(0);
}

export const updated = (lab: Lab, kind: KindName, made: Made, words: Words): Promise<Made> =>
  lab.engine(kind).update(made.id, made.inputs, lab.engine(kind).check(words).inputs as Inputs, step());

async function replaced(lab: Lab, kind: KindName, made: Made, words: Words): Promise<Made> {
  await lab.remove(kind, made);
  return lab.create(kind, words);
}

/** What was told of a change, and the object before and after it. */
export interface Course {
  readonly told: Verdict;
  readonly before: string | undefined;
  readonly was: Made;
  readonly is: Made;
}

/** Whether the object was restarted or replaced, by its incarnation, its id and what the host told. */
export async function happened(lab: Lab, kind: KindName, { told, before, was, is }: Course): Promise<void> {
  const heard = await lab.heard(was.id);
  const after = await lab.incarnation(kind, is);
  const switched = told.paths.some((path) => path === "powerState" || path === "active");
  const stopped = heard.includes("stopped") || heard.includes("undefined");
  if (lab.tells(kind) && told.effect === "replace") expect(heard, "replaced").toContain("undefined");
  if (told.effect !== "replace") {
    expect(is.id).toBe(was.id);
    expect(heard).not.toContain("undefined");
  }
  if (told.effect === "restart") expect(heard, "restarted").toEqual(expect.arrayContaining(["stopped", "started"]));
  if (told.effect === "none") expect(heard.filter((word) => word !== "defined")).toEqual([]);
  if (told.effect === "live" && !switched) expect(stopped || heard.includes("started"), heard.join(" ")).toBe(false);
  if (before === undefined || after === undefined) return;
  const anew = told.effect === "restart" || told.effect === "replace";
  expect(after === before, `${told.effect}: the incarnation`).toBe(!anew);
}

/** For somebody who reads in bulk a second preview is empty, and a refresh finds no difference. */
export async function settled(lab: Lab, kind: KindName, made: Made, words: Words): Promise<void> {
  await lab.refreshed(kind, async (engine) => {
    expect(await previewed(engine, made, words), "a second preview").toMatchObject({ effect: "none", paths: [] });
    const read = await engine.read(made.id, made.inputs, made.outputs);
    expect(read?.inputs, "a refresh").toEqual(made.inputs);
    const now = await engine.observe(made.id, made.inputs, read?.outputs ?? {});
    const wanted = engine.check(words).inputs as Inputs;
    expect(engine.plan(read?.inputs ?? {}, wanted, now).changes, "a plan after a refresh").toEqual([]);
  });
}
