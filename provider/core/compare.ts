import type { AnyProperty, Effect, Properties } from "./schema.js";
import { type Fields, hasUnknown, isFields, isUnknown, same } from "./values.js";

/** One difference between what is and what is wanted. */
export interface Difference {
  /** The property this belongs to. */
  readonly property: string;
  /** Where inside: `disks["data"].volume`. Elements of keyed lists are named by their key. */
  readonly path: string;
  /** Key of the list element, when the property is a keyed list. */
  readonly element?: string;
  /** Field below the property or element, when the difference is inside one. */
  readonly field?: string;
  /** `undefined` where it is added. */
  readonly before: unknown;
  /** `undefined` where it is removed. */
  readonly after: unknown;
  /** The general effect, from the kind. */
  readonly effect: Effect;
  readonly secret: boolean;
}

interface Spot {
  readonly property: string;
  readonly path: string;
  readonly element?: string;
  readonly field?: string;
  readonly effect: Effect;
  readonly secret: boolean;
}

/** All differences, in the order of the properties. An unknown wanted value counts as different. */
export function differences(properties: Properties, before: unknown, after: unknown): readonly Difference[] {
  const found: Difference[] = [];
  for (const [name, property] of Object.entries(properties)) {
    if (property.policy) continue;
    const spot = { property: name, path: name, effect: property.onChange ?? "live", secret: property.secret ?? false };
    compare(property, spot, field(before, name), field(after, name), found);
  }
  return found;
}

function compare(property: AnyProperty, spot: Spot, before: unknown, after: unknown, found: Difference[]): void {
  if (same(before, after) || (after === undefined && property.keep)) return;
  const { shape } = property;
  if (isUnknown(after) || (before === undefined) !== (after === undefined)) {
    found.push({ ...spot, before, after });
  } else if (shape.type === "object") {
    for (const [name, inner] of Object.entries(shape.fields)) {
      const below: Spot = {
        ...spot,
        path: `${spot.path}.${name}`,
        field: spot.field === undefined ? name : `${spot.field}.${name}`,
        effect: inner.onChange ?? spot.effect,
        secret: spot.secret || (inner.secret ?? false),
      };
      compare(inner, below, field(before, name), field(after, name), found);
    }
  } else if (shape.type === "list" && shape.key !== undefined && !hasUnknownKey(after, shape.key.field)) {
    compareKeyed(shape.items, shape.key.field, spot, { before: listOf(before), after: listOf(after) }, found);
  } else {
    found.push({ ...spot, before, after });
  }
}

interface Sides {
  readonly before: readonly unknown[];
  readonly after: readonly unknown[];
}

function compareKeyed(
  items: AnyProperty,
  key: string,
  spot: Spot,
  { before, after }: Sides,
  found: Difference[],
): void {
  const id = (v: unknown) => String(field(v, key));
  const was = new Map(before.map((v) => [id(v), v]));
  const will = new Map(after.map((v) => [id(v), v]));
  for (const element of new Set([...was.keys(), ...will.keys()])) {
    const inner: Spot = {
      ...spot,
      path: `${spot.path}["${element}"]`,
      ...(spot.element === undefined ? { element } : {}),
    };
    compare(items, inner, was.get(element), will.get(element), found);
  }
  const order = (list: readonly unknown[], other: ReadonlyMap<string, unknown>) =>
    list.map(id).filter((k) => other.has(k));
  const [kept, wanted] = [order(before, will), order(after, was)];
  if (!same(kept, wanted))
    found.push({ ...spot, path: `${spot.path} (order)`, field: "(order)", before: kept, after: wanted });
}

/**
 * What was observed, cut down to what was declared: declared fields with their live values, elements of keyed lists
 * by key. Live elements that nobody declared stay, whole: they are drift. Policies keep their declared words.
 */
export function project(properties: Properties, declared: unknown, observed: unknown): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const said = field(declared, name);
    if (said === undefined) continue;
    const value = property.policy ? said : projectOne(property, said, observedField(observed, name));
    if (value !== undefined && value !== null) out[name] = value;
  }
  return out;
}

function projectOne(property: AnyProperty, declared: unknown, observed: unknown): unknown {
  if (property.unobserved) return observed === null ? undefined : declared;
  const { shape } = property;
  if (shape.type === "object" && isFields(declared) && isFields(observed))
    return project(shape.fields, declared, observed);
  if (shape.type !== "list" || shape.key === undefined || shape.items.shape.type !== "object") return observed;
  const { key, items } = shape;
  const inner = items.shape.type === "object" ? items.shape.fields : {};
  const live = listOf(observed);
  const said = new Map(listOf(declared).map((v) => [field(v, key.field), v]));
  // Declared order first where the live order agrees; what is live but undeclared keeps its live place.
  return live.map((v) => {
    const mine = said.get(field(v, key.field));
    return mine === undefined ? v : project(inner, mine, v);
  });
}

/**
 * All that was or is declared: what a step that failed leaves to be looked at. What it should have taken away would be
 * forgotten if only `wanted` were kept. Values are those of `wanted` where it has any; policies are its words alone.
 */
export function united(properties: Properties, declared: unknown, wanted: unknown): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const [was, will] = [field(declared, name), field(wanted, name)];
    const value = property.policy ? will : unitedOne(property, was, will);
    if (value !== undefined) out[name] = value;
  }
  return out;
}

function unitedOne({ shape }: AnyProperty, declared: unknown, wanted: unknown): unknown {
  if (declared === undefined || wanted === undefined) return wanted ?? declared;
  if (shape.type === "object" && isFields(declared) && isFields(wanted)) return united(shape.fields, declared, wanted);
  if (shape.type !== "list" || shape.key === undefined) return wanted;
  // Elements that nobody declares are shown whole, so those that are to go need no mention.
  const { key, items } = shape;
  const was = new Map(listOf(declared).map((v) => [field(v, key.field), v]));
  return listOf(wanted).map((v) => unitedOne(items, was.get(field(v, key.field)), v));
}

/**
 * What is, with what the host says of words that are new in a declaration: who declares what holds already changes
 * nothing. `before` is cut down to what was declared before, `observed` is everything.
 */
export function withNewWords(properties: Properties, before: Fields, wanted: Fields, observed: Fields): Fields {
  const shown = project(properties, wanted, observed);
  const out: Record<string, unknown> = { ...before };
  for (const [name, property] of Object.entries(properties)) {
    if (property.policy || property.unobserved) continue;
    const known = withNewWord(property, field(before, name), field(wanted, name), field(observed, name));
    const value = field(before, name) === undefined ? shown[name] : known;
    if (value !== undefined) out[name] = value;
  }
  return out;
}

function withNewWord({ shape }: AnyProperty, before: unknown, wanted: unknown, observed: unknown): unknown {
  if (shape.type === "object" && isFields(before) && isFields(wanted) && isFields(observed))
    return withNewWords(shape.fields, before, wanted, observed);
  if (shape.type !== "list" || shape.key === undefined) return before;
  const { key, items } = shape;
  const named = (list: unknown, id: unknown) => listOf(list).find((v) => field(v, key.field) === id);
  return listOf(before).map((v) => {
    const id = field(v, key.field);
    return withNewWord(items, v, named(wanted, id), named(observed, id));
  });
}

const observedField = (value: unknown, name: string): unknown => (isFields(value) ? value[name] : undefined);
const field = (value: unknown, name: string): unknown => (isFields(value) ? (value[name] ?? undefined) : undefined);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const hasUnknownKey = (value: unknown, key: string): boolean =>
  listOf(value).some((v) => isUnknown(v) || hasUnknown(field(v, key)));
