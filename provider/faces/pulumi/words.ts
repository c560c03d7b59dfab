import type { Difference } from "../../core/compare.js";
import type { Change } from "../../core/driver.js";
import type { AnyProperty, Effect, Properties } from "../../core/schema.js";
import { showBytes } from "../../core/units.js";
import { hasUnknown, isFields, knownPart } from "../../core/values.js";
import { anywhere } from "./state.js";

const EFFECTS: Readonly<Record<Effect, string>> = {
  live: "live",
  restart: "needs a restart",
  replace: "needs a replacement",
};

/** "memory: 1GiB => 2GiB: needs a restart (maxMemory is 1GiB)". A secret is never shown. */
export function changeWords(properties: Properties, change: Change): string {
  const because = change.because === undefined ? "" : ` (${change.because})`;
  return `${valueWords(properties, change)}: ${EFFECTS[change.effect]}${because}`;
}

/** "disks["data"].volume: not known yet": for what only the update itself can tell. */
export const unknownWords = (difference: Difference): string => {
  const worst = difference.effect === "live" ? "" : `; if it changes, it ${EFFECTS[difference.effect]}`;
  return `${difference.path}: not known before the update${worst}`;
};

function valueWords(properties: Properties, { path, property, field, before, after, secret }: Difference): string {
  const inner = leaf(properties[property], field);
  if (secret || holdsSecret(inner ?? properties[property]) || hasUnknown(after)) return `${path}: changed`;
  const bytes = inner?.shape.type === "bytes";
  const show = (value: unknown): string => {
    if (value === undefined) return "none";
    if (typeof value === "number" && bytes) return showBytes(value);
    const text = typeof value === "string" ? value : JSON.stringify(knownPart(value));
    return text.length > 60 ? `${text.slice(0, 57)}...` : text;
  };
  if (before === undefined && isFields(after)) return `${path}: added`;
  if (after === undefined && isFields(before)) return `${path}: removed`;
  return `${path}: ${show(before)} => ${show(after)}`;
}

/** The property at `field` below a property, an element of a list counting as its own level. */
function leaf(property: AnyProperty | undefined, field: string | undefined): AnyProperty | undefined {
  if (property === undefined || field === undefined) return property;
  const shape = property.shape.type === "list" ? property.shape.items.shape : property.shape;
  if (shape.type !== "object") return undefined;
  const [first = "", ...rest] = field.split(".");
  return leaf(shape.fields[first], rest.length === 0 ? undefined : rest.join("."));
}

// A whole value is shown only when nothing inside it is secret; a difference inside names its own field.
const holdsSecret = (property: AnyProperty | undefined): boolean => anywhere(property, (p) => p.secret === true);
