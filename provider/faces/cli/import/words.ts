import { checkFields } from "../../../core/check.js";
import type { AnyProperty, Properties } from "../../../core/schema.js";
import { parseBytes, showBytes } from "../../../core/units.js";
import { type Fields, isFields, same } from "../../../core/values.js";

/** Words of every kind that are not read off an object: who manages it, how it is found, and its name. */
const ABOUT: ReadonlySet<string> = new Set(["owner", "adopt", "name"]);

/**
 * What a person would write for an object as it was observed: everything that a host shows and a declaration can say,
 * without what would be the same when it is left out.
 */
export function wordsFor(properties: Properties, observed: Fields): Record<string, unknown> {
  const words = fieldsFor(properties, observed, ABOUT);
  for (const [name, property] of Object.entries(properties)) {
    const { follows } = property;
    if (follows === undefined || !(name in words)) continue;
    if (same(observed[name], observed[follows])) delete words[name];
  }
  return words;
}

function fieldsFor(properties: Properties, observed: Fields, without: ReadonlySet<string>): Record<string, unknown> {
  const words: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    if (without.has(name) || property.policy || property.secret) continue;
    const value = observed[name] ?? undefined;
    if (value === undefined || isDefault(property, value)) continue;
    const word = wordFor(property, value);
    if (property.required || property.default !== undefined || !isNothing(word)) words[name] = word;
  }
  return words;
}

/** Without a default an empty value and none at all mean the same. */
const isNothing = (word: unknown): boolean =>
  word === "" || (Array.isArray(word) && word.length === 0) || (isFields(word) && Object.keys(word).length === 0);

/** What refers to another object is said even so: that object may be declared beside it. */
const isDefault = (property: AnyProperty, value: unknown): boolean =>
  property.reference === undefined && same(value, defaultOf(property));

/** The default in its normal form. */
const defaultOf = (property: AnyProperty): unknown =>
  property.default === undefined ? undefined : checkFields({ it: property }, {}).value["it"];

function wordFor({ shape }: AnyProperty, value: unknown): unknown {
  if (shape.type === "bytes" && typeof value === "number") {
    const text = showBytes(value);
    return parseBytes(text) === value ? text : value;
  }
  if (shape.type === "object" && isFields(value)) return fieldsFor(shape.fields, value, new Set());
  if (shape.type === "list" && Array.isArray(value)) {
    const { items, key } = shape;
    // A name that has a default only tells elements apart, and here they are told apart by what they are.
    const without = new Set(key === undefined || key.prefix === "" ? [] : [key.field]);
    return value.map((element: unknown) =>
      items.shape.type === "object" && isFields(element)
        ? fieldsFor(items.shape.fields, element, without)
        : wordFor(items, element),
    );
  }
  return value;
}
