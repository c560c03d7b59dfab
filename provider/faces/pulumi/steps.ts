import { type Kept, PartialFailure } from "../../core/engine.js";
import { isProviderError } from "../../core/errors.js";
import type { Kind } from "../../core/kind.js";
import { type Fields, hasUnknown, mapFields } from "../../core/values.js";
import { type Differing, type DiffResult, difference } from "./difference.js";
import { Unfinished } from "./failures.js";
import { hostOf, type Inputs, nameOf, placeOf, type Session, stepOf } from "./session.js";
import { type Entry, fingerprint, inputsOf, outputsOf, recorded } from "./state.js";

export interface ReadResult {
  /** Absent when the host said that it is gone. */
  readonly id?: string;
  readonly props?: Fields;
  readonly inputs?: Fields;
}

export async function diff(s: Session, id: string, olds: Fields, news: Fields): Promise<DiffResult> {
  const [was, will] = [recorded(s.kind, olds), recorded(s.kind, news)];
  const known = s.checked.get(fingerprint(will.declared));
  const place = placeOf(was.host, id);
  if (known) known.compared = place;
  // A refresh compares too, without a check and with the roles turned: the engine's own comparison says all there is.
  else if (!hasUnknown(will.declared)) return {};
  const at: Differing = { id, kind: s.kind, was, will, before: known?.before, spoken: known !== undefined };
  const { result, lines } = await difference(at, (await hostOf(s, will)).engine);
  if (result.replaces === undefined) s.kept.add(place);
  else s.kept.delete(place);
  for (const { line, severity } of lines) await s.say(line, known?.urn, severity);
  return result;
}

export async function create(s: Session, sent: Fields): Promise<{ id: string; outs: Fields }> {
  const at = recorded(s.kind, sent);
  const { engine, identity } = await hostOf(s, at);
  try {
    const kept = await engine.create(at.declared as Inputs, stepOf(s, at));
    s.kept.add(placeOf(identity, kept.id));
    return { id: kept.id, outs: outputsOf(s.kind, kept, { ...at, host: identity }) };
  } catch (error) {
    if (error instanceof PartialFailure) s.kept.add(placeOf(identity, error.id));
    throw unfinished(s, error, at, {});
  }
}

export async function read(s: Session, id: string, props: Fields): Promise<ReadResult> {
  const at = recorded(s.kind, props);
  const { engine, identity } = await hostOf(s, at);
  // A get by id comes with what the program wrote; a refresh with what was recorded.
  const declared: Fields = at.host === undefined ? engine.check(at.declared).inputs : at.declared;
  const kept = await engine.read(id, declared as Inputs, at.outputs).catch(async (error: unknown) => {
    if (at.host === undefined || !isProviderError(error, "hidden")) throw error;
    await s.say(`${nameOf(s.kind, at)}: ${error.fact}: what was known last is kept`);
    return { id, inputs: at.declared, outputs: at.outputs } as Kept<Kind>;
  });
  if (kept === undefined) return {};
  const here = { ...at, host: identity };
  return { id: kept.id, props: outputsOf(s.kind, kept, here), inputs: inputsOf(s.kind, kept.inputs, here) };
}

export async function update(s: Session, id: string, olds: Fields, news: Fields): Promise<{ outs: Fields }> {
  const [was, will] = [recorded(s.kind, olds), recorded(s.kind, news)];
  const { engine, identity } = await hostOf(s, will);
  try {
    const kept = await engine.update(id, was.declared as Inputs, will.declared as Inputs, stepOf(s, will));
    return { outs: outputsOf(s.kind, kept, { ...will, host: identity }) };
  } catch (error) {
    throw unfinished(s, error, will, olds);
  }
}

/** What the program keeps stays, with a word about it: see `Session.kept`. */
export async function remove(s: Session, id: string, props: Fields): Promise<void> {
  const at = recorded(s.kind, props);
  const { engine, identity } = await hostOf(s, at);
  if (s.kept.has(placeOf(identity, id))) {
    const line = `${nameOf(s.kind, at)}: stays on ${identity}, because the program still declares it; \`deleteBeforeReplace: true\` among its options makes it anew`;
    return s.say(line, s.checked.get(fingerprint(at.declared))?.urn, "warning");
  }
  await engine.remove(id, at.declared as Inputs, stepOf(s, at));
}

/** A partial failure in Pulumi's form. Where the host could not say what it has, what was and is declared is kept. */
function unfinished({ kind }: Session, error: unknown, at: Entry, olds: Fields): unknown {
  if (!(error instanceof PartialFailure)) return error;
  const { id, kept, failure, declared } = error;
  if (kept !== undefined) return new Unfinished(id, outputsOf(kind, kept, at), failure);
  const outputs = mapFields(olds, (v, key) => (key in kind.outputs && !(key in kind.properties) ? v : undefined));
  return new Unfinished(id, { ...outputs, ...inputsOf(kind, declared as Inputs, at) }, failure);
}
