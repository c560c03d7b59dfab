import { type Difference, differences, project } from "../../core/compare.js";
import type { Observed } from "../../core/driver.js";
import { aimed } from "../../core/engine.js";
import { ProviderError } from "../../core/errors.js";
import type { Kind } from "../../core/kind.js";
import { type Fields, hasUnknown, knownPart, same } from "../../core/values.js";
import { type AnyEngine, type Inputs, nameOf } from "./session.js";
import { anywhere, type Entry, settle } from "./state.js";
import { changeWords, unknownWords } from "./words.js";

/** What the dynamic provider process passes on to Pulumi's engine. */
export interface DiffResult {
  /** Left out where the engine shall compare the inputs itself, which shows nested differences. */
  readonly changes?: boolean;
  readonly replaces?: string[];
  readonly deleteBeforeReplace?: boolean;
}

/** One comparison that the engine asks for. */
export interface Differing {
  readonly id: string;
  readonly kind: Kind;
  readonly was: Entry;
  readonly will: Entry;
  /** The inputs before this operation, when they are known. */
  readonly before: Fields | undefined;
  /**
   * The declaration was checked just now: it is a preview or an update, and a person reads what it says. Otherwise the
   * engine asks what depends on a replacement, with unknowns in place of what that will change.
   */
  readonly spoken: boolean;
}

export interface Line {
  readonly line: string;
  readonly severity: "info" | "warning";
}
interface Answer {
  readonly result: DiffResult;
  readonly lines: readonly Line[];
}

/** What the engine must know of a change, and what a person should. Throws `invalid` for what is forbidden. */
export async function difference(at: Differing, engine: AnyEngine): Promise<Answer> {
  const { kind, was, will } = at;
  if (moved(at)) return move(at, engine);
  const found = differences(kind.properties, was.declared, will.declared);
  const replacing = (names: readonly string[]): DiffResult =>
    names.length === 0 ? {} : { replaces: [...new Set(names)], deleteBeforeReplace: true };
  if (found.length === 0 && !(at.spoken && rewritten(at))) return { result: {}, lines: [] };
  if (!at.spoken) {
    const lost = dependent(at, found);
    const line = `${name(at)}: ${lost.join(", ")}: needs a replacement, because what it refers to is replaced`;
    return { result: replacing(lost), lines: lost.length === 0 ? [] : [{ line, severity: "info" }] };
  }

  const present = await look(at, engine);
  const before = present.now === undefined ? was.declared : live(at, present.now);
  const wanted = settle(kind.properties, before, will.declared);
  const plan = engine.plan(before as Inputs, wanted as Inputs, present.now);
  const replaces = plan.changes.filter((c) => c.effect === "replace").map((c) => c.property);
  const open = differences(kind.properties, before, will.declared).filter((d) => hasUnknown(d.after));
  const lines = [...plan.changes.map((c) => changeWords(kind.properties, c)), ...open.map(unknownWords)].map(
    (text): Line => ({ line: `${name(at)}: ${text}${present.note}`, severity: "info" }),
  );
  // The engine compares declarations. Where these are equal and the object still differs, as after an adoption, only we know.
  const silent = plan.changes.length > 0 && at.before !== undefined && same(at.before, will.declared);
  return {
    result: { ...replacing(replaces), ...(silent ? { changes: true } : {}) },
    lines: [...present.lines, ...lines],
  };
}

/**
 * What a resource loses while something it depends on is deleted and made again. What refers to that thing holds it in
 * use, so it has to go first and to come back after it.
 */
function dependent(at: Differing, found: readonly Difference[]): readonly string[] {
  const lost = found
    .filter((d) => d.effect === "replace" || anywhere(at.kind.properties[d.property], (p) => p.reference !== undefined))
    .map((d) => d.property);
  if (lost.length > 0) allowReplace(at, lost.join(", "), "what it depends on is replaced");
  return lost;
}

/** The engine will update it, if only for a policy; an update also repairs what has changed on the host meanwhile. */
const rewritten = ({ before, was, will }: Differing): boolean =>
  !same(before ?? was.declared, will.declared) || !same(was.stub, will.stub);

const name = ({ kind, will }: Differing): string => nameOf(kind, will);
const moved = ({ was, will }: Differing): boolean =>
  typeof was.host === "string" && typeof will.host === "string" && was.host !== will.host;
const live = ({ kind, was }: Differing, now: Observed<Kind>): Fields =>
  project(kind.properties, was.declared, now.properties);

/** Another host: made there first, then deleted here. Nothing of what is here moves along. */
async function move(at: Differing, engine: AnyEngine): Promise<Answer> {
  const { was, will } = at;
  const from = `${String(was.host)} => ${String(will.host)}`;
  allowReplace(at, "host", from);
  if (at.spoken) await examine(at, engine, undefined);
  const line = `${name(at)}: host: ${from}: needs a replacement (made anew there, deleted here)`;
  return {
    result: { replaces: ["host"], deleteBeforeReplace: false },
    lines: at.spoken ? [{ line, severity: "info" }] : [],
  };
}

/** For a replacement that the engine's plan does not see: the declaration's own policy may forbid it. */
function allowReplace(at: Differing, property: string, because: string): void {
  const why = at.kind.forbids?.("replace", knownPart(at.will.declared) as never);
  if (why === undefined) return;
  throw new ProviderError("invalid", `this change needs a replacement (${because}), and ${why}`, {
    where: { verb: "update", kind: at.kind.title, name: name(at), property },
  });
}

interface Present {
  readonly now: Observed<Kind> | undefined;
  /** Appended to what the plan says. */
  readonly note: string;
  readonly lines: readonly Line[];
}

/** The resource as it is now, and what the host objects to. A host that does not answer leaves what was recorded. */
async function look(at: Differing, engine: AnyEngine): Promise<Present> {
  try {
    const now = await engine.observe(
      at.id,
      aimed(at.kind, at.was.declared as Inputs, at.will.declared as Inputs),
      at.was.outputs,
    );
    if (now === undefined) {
      const line = `${name(at)}: ${at.id} is gone from ${String(at.was.host)}: run \`pulumi refresh\`, and the next update makes it again`;
      return { now, note: "", lines: [{ line, severity: "warning" }] };
    }
    await examine(at, engine, at.id);
    return { now, note: "", lines: [] };
  } catch (error) {
    if (!(error instanceof ProviderError) || !SILENT.has(error.code)) throw error;
    const why = error.code === "hidden" ? error.fact : `the host does not answer (${error.fact})`;
    const line = `${name(at)}: ${why}: effects are those of what the last refresh saw`;
    return { now: undefined, note: " (as of the last refresh)", lines: [{ line, severity: "warning" }] };
  }
}

const SILENT: ReadonlySet<string> = new Set(["unreachable", "timeout", "dropped", "busy", "hidden"]);

async function examine(at: Differing, engine: AnyEngine, id: string | undefined): Promise<void> {
  const problems = await engine.examine(at.will.declared as Inputs, id, at.was.declared as Inputs);
  const [first] = problems;
  if (first === undefined) return;
  throw new ProviderError("invalid", problems.map(({ path, reason }) => `${path}: ${reason}`).join("; "), {
    where: { verb: "update", kind: at.kind.title, name: name(at), host: String(at.will.host) },
  });
}
