import type { Kept } from "../../core/engine.js";
import type { Kind } from "../../core/kind.js";
import type { AnyProperty, Properties, Shape } from "../../core/schema.js";
import { type Fields, hasUnknown, isFields, isUnknown, mapFields } from "../../core/values.js";
import { decode, encode, UNKNOWN_TEXT } from "./wire.js";

/** What the engine keeps of a resource, taken apart. */
export interface Entry {
  /** Code that leads the engine back to this provider. */
  readonly stub: unknown;
  /** Identity of the host it is on; `undefined` before the first check, and UNKNOWN when a preview does not know it. */
  readonly host: unknown;
  /** Resource name in the engine's terms, for messages; only in what a program sends. */
  readonly urn: string | undefined;
  /** Properties that were declared, in the kind's names. */
  readonly declared: Fields;
  /** What the host answered last, in the kind's names. */
  readonly outputs: Fields;
  /** The resources that stand for values, by place (`disks.0.volume`); only in what a program sends. */
  readonly references: Readonly<Record<string, Reference>>;
}

/** A resource that stands for a value, as far as a preview knows it. */
export interface Reference {
  readonly id: string | undefined;
  /** Identity of the host it is on. */
  readonly host: string | undefined;
}

const STUB = "__provider";
const URN = "__urn";
const REFERENCES = "__references";
/** Names of properties that stand in the outputs although nobody declared them: an output has the same name. */
const UNDECLARED = "__undeclared";

/** What a program sent, before it is checked: all of it is declared. */
export function written(sent: Fields): Entry {
  const { [STUB]: stub, [URN]: urn, [REFERENCES]: references, host, [UNDECLARED]: _, ...rest } = sent;
  return {
    stub,
    host: decode(host),
    urn: typeof urn === "string" ? urn : undefined,
    declared: mapFields(rest, decode),
    outputs: {},
    references: isFields(references) ? mapFields(references, reference) : {},
  };
}

const reference = (sent: unknown): Reference => {
  const { id, host }: Fields = isFields(sent) ? sent : {};
  return { id: known(id), host: known(host) };
};

const known = (text: unknown): string | undefined =>
  typeof text === "string" && text !== UNKNOWN_TEXT ? text : undefined;

/** Checked inputs or recorded outputs: what is a property of the kind and was declared. */
export function recorded(kind: Kind, sent: Fields): Entry {
  const undeclared = Array.isArray(sent[UNDECLARED]) ? sent[UNDECLARED] : [];
  const all = written(sent);
  const declared = mapFields(all.declared, (v, key) =>
    key in kind.properties && !undeclared.includes(key) ? v : undefined,
  );
  const outputs = mapFields(all.declared, (v, key) => (key in kind.outputs ? v : undefined));
  return { ...all, declared, outputs };
}

/** Inputs as the engine keeps them. */
export const inputsOf = (kind: Kind, declared: Fields, { stub, host }: Pick<Entry, "stub" | "host">): Fields => ({
  ...encode(kind.properties, { ...declared, host }),
  [STUB]: stub,
});

/** Outputs as the engine keeps them: declared properties with their live values, and what the host answered. */
export function outputsOf(kind: Kind, kept: Kept<Kind>, at: Pick<Entry, "stub" | "host">): Fields {
  const outputs: Fields = kept.outputs;
  const undeclared = Object.keys(kind.outputs).filter((key) => key in kind.properties && !(key in kept.inputs));
  return {
    ...encode({ ...kind.outputs, ...kind.properties }, { ...outputs, ...kept.inputs, host: at.host }),
    ...(undeclared.length === 0 ? {} : { [UNDECLARED]: undeclared }),
    [STUB]: at.stub,
  };
}

/** One text for equal declarations, so that a later call of the engine is recognised as the same one. */
export const fingerprint = (declared: Fields): string => JSON.stringify(declared, ordered);

const ordered = (_key: string, value: unknown): unknown => {
  if (isUnknown(value)) return "?";
  return isFields(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
};

/** `wanted` with what is not known yet taken from `before`: what surely changes, whatever the unknowns turn out to be. */
export function settle(properties: Properties, before: Fields, wanted: Fields): Fields {
  return mapFields(wanted, (value, key) => settleOne(properties[key]?.shape, before[key], value));
}

function settleOne(shape: Shape | undefined, before: unknown, wanted: unknown): unknown {
  if (isUnknown(wanted)) return before;
  if (!hasUnknown(wanted)) return wanted;
  if (Array.isArray(wanted)) {
    const [items, key] = shape?.type === "list" ? [shape.items.shape, shape.key?.field] : [];
    const was: readonly unknown[] = Array.isArray(before) ? before : [];
    const named = (v: unknown) => was.find((w) => key !== undefined && isFields(w) && isFields(v) && w[key] === v[key]);
    return wanted.map((v, i) => settleOne(items, key === undefined ? was[i] : named(v), v));
  }
  if (!isFields(wanted)) return wanted;
  const inner = shape?.type === "object" ? shape.fields : {};
  return settle(inner, isFields(before) ? before : {}, wanted);
}

/** Does the test hold for a property or for anything inside it? */
export function anywhere(property: AnyProperty | undefined, test: (p: AnyProperty) => boolean): boolean {
  if (property === undefined) return false;
  const { shape } = property;
  if (test(property)) return true;
  if (shape.type === "object") return Object.values(shape.fields).some((p) => anywhere(p, test));
  if (shape.type === "list") return anywhere(shape.items, test);
  return shape.type === "map" && anywhere(shape.values, test);
}
