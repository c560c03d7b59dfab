import { check as checkStatic, type OpenHost } from "../../core/engine.js";
import { isProviderError } from "../../core/errors.js";
import type { Kind, Problem } from "../../core/kind.js";
import { inWordsOf } from "../../core/references.js";
import { type Fields, knownPart } from "../../core/values.js";
import { toFailure, words } from "./failures.js";
import { elsewhere, resolved } from "./references.js";
import { type AnyEngine, configured, type Inputs, type Session } from "./session.js";
import { type Entry, fingerprint, inputsOf, recorded, written } from "./state.js";

export interface CheckResult {
  readonly inputs: Fields;
  readonly failures: readonly CheckFailure[];
}
export interface CheckFailure {
  /** Path of the property; empty for the resource as a whole. */
  readonly property: string;
  readonly reason: string;
}

/**
 * Inputs in their normal form with the host's identity, and all that is wrong with them. What the host objects to is
 * asked here for a new resource only: for an existing one the comparison asks, which knows its id.
 */
export async function checkInputs(s: Session, olds: Fields, news: Fields): Promise<CheckResult> {
  const sent = written(news);
  const open = await configured(s).catch(toFailure);
  const host = open instanceof Error ? undefined : open;
  const engine = host?.engine(s.kind.name);
  const wanted = host === undefined ? sent.declared : await resolved(s.kind, sent, host);
  const answer = engine?.check(wanted) ?? checkStatic(s.kind, { support: {} as never }, wanted);
  const last = Object.keys(olds).length === 0 ? undefined : recorded(s.kind, olds);
  const past = last?.declared;
  const declared: Fields = host === undefined ? answer.inputs : await inLastWords(s.kind, last, answer.inputs, host);
  const failures = answer.problems.map(failure);
  if (open instanceof Error) failures.push({ property: "", reason: open.message });
  if (host !== undefined) failures.push(...elsewhere(sent, host.identity).map(failure));
  if (failures.length === 0 && host !== undefined && sent.urn !== undefined)
    failures.push(...clashes(s, { host: host.identity, urn: sent.urn, declared }));

  const key = fingerprint(declared);
  const replaced = past === undefined ? s.checked.get(key)?.compared : undefined;
  if (replaced === undefined) s.checked.set(key, { urn: sent.urn, before: past, compared: undefined });
  else s.kept.delete(replaced);
  if (failures.length === 0 && engine !== undefined && past === undefined && replaced === undefined)
    failures.push(...(await examined(engine, declared)));
  return { inputs: inputsOf(s.kind, declared, { stub: sent.stub, host: host?.identity }), failures };
}

/** References in the words of the last declaration where they mean the same. A host that is silent leaves them to the comparison. */
async function inLastWords(kind: Kind, last: Entry | undefined, declared: Fields, host: OpenHost): Promise<Fields> {
  if (last === undefined || last.host !== host.identity) return declared;
  return inWordsOf(kind, last.declared, declared, host).catch((error: unknown) => {
    if (isProviderError(error)) return declared;
    throw error;
  });
}

interface Declaration {
  readonly host: string;
  readonly urn: string;
  readonly declared: Fields;
}

/** What cannot stand beside another resource of the program, which no host may know yet. */
function clashes({ kind, declared: all }: Session, { host, urn, declared }: Declaration): CheckFailure[] {
  const beside = all.get(host) ?? new Map<string, Fields>();
  all.set(host, beside);
  const known = knownPart(declared) as Fields;
  beside.set(urn, known);
  const found = [...beside].filter(([other]) => other !== urn);
  return found.flatMap(([other, theirs]) =>
    (kind.clash?.(known as never, theirs as never, `the resource "${other.split("::").at(-1)}"`) ?? []).map(failure),
  );
}

const failure = ({ path, reason }: Problem): CheckFailure => ({ property: path, reason });

/** A host that cannot be seen is a failure of the preview, never a silent yes. */
const examined = (engine: AnyEngine, declared: Fields): Promise<readonly CheckFailure[]> =>
  engine.examine(declared as Inputs).then(
    (problems) => problems.map(failure),
    (error: unknown) => [{ property: "", reason: words(error) }],
  );
