import type { AnyProperty } from "../../core/schema.js";
import { isFields } from "../../core/values.js";

/** What is wanted, with the values that an absent word leaves alone (`keep`) taken from what is, at any depth. */
export function withKept(property: AnyProperty, before: unknown, wanted: unknown): unknown {
  if (wanted === undefined) return property.keep ? before : undefined;
  const { shape } = property;
  if (shape.type === "object" && isFields(wanted)) {
    const is = isFields(before) ? before : {};
    const fields = Object.entries(shape.fields).map(([name, p]) => [name, withKept(p, is[name], wanted[name])]);
    return Object.fromEntries(fields.filter(([, v]) => v !== undefined));
  }
  if (shape.type !== "list" || shape.key === undefined || !Array.isArray(wanted)) return wanted;
  const { items, key } = shape;
  const id = (v: unknown) => (isFields(v) ? v[key.field] : undefined);
  return wanted.map((v) => withKept(items, Array.isArray(before) ? before.find((b) => id(b) === id(v)) : undefined, v));
}
