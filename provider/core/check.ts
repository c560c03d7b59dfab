import type { Problem } from "./kind.js";
import type { AnyProperty, ListKey, Properties, Shape } from "./schema.js";
import { parseBytes, parseSeconds, showBytes } from "./units.js";
import { isFields, isUnknown, mapFields } from "./values.js";

/** A value in its normal form (units converted, defaults filled in, absent values left out) and all that is wrong with it. */
export interface Checked<T> {
  readonly value: T;
  readonly problems: readonly Problem[];
}

/** Checks what a user wrote against a table of properties. Pure; unknown values pass. */
export function checkFields(properties: Properties, written: unknown): Checked<Record<string, unknown>> {
  const problems: Problem[] = [];
  const value = fields(properties, written, { path: "", problems });
  return { value: isFields(value) ? { ...value } : {}, problems };
}

interface Place {
  readonly path: string;
  readonly problems: Problem[];
}

const at = (place: Place, step: string | number): Place => {
  const dot = place.path === "" || typeof step === "number" ? "" : ".";
  return { ...place, path: `${place.path}${dot}${typeof step === "number" ? `[${step}]` : step}` };
};

function fields(properties: Properties, written: unknown, place: Place): unknown {
  if (isUnknown(written)) return written;
  if (!isFields(written)) return wrong(place, `must be an object with ${Object.keys(properties).join(", ")}`);
  const out: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const value = one(property, written[name] ?? undefined, at(place, name));
    if (value !== undefined) out[name] = value;
  }
  for (const name of Object.keys(written))
    if (!Object.hasOwn(properties, name) && written[name] !== undefined)
      wrong(at(place, name), `is not a property${nearest(name, Object.keys(properties))}`);
  return out;
}

function one(property: AnyProperty, written: unknown, place: Place): unknown {
  const value = written ?? property.default;
  if (isUnknown(value)) return value;
  if (value === undefined) return property.required ? wrong(place, "is missing: it must be given") : undefined;
  const before = place.problems.length;
  const normal = typed(property.shape, value, place);
  if (normal === undefined || isUnknown(normal) || place.problems.length > before) return normal;
  const reason = property.check?.(normal);
  return reason === undefined ? normal : wrong(place, reason);
}

/** The value as its shape wants it; what is wrong goes to `place.problems` and gives `undefined`. */
function typed(shape: Shape, value: unknown, place: Place): unknown {
  switch (shape.type) {
    case "text":
      if (typeof value !== "string") return wrong(place, "must be text");
      return isWhole(value) ? value : wrong(place, HALVED);
    case "flag":
      return typeof value === "boolean" ? value : wrong(place, "must be true or false");
    case "integer":
      return Number.isSafeInteger(value)
        ? within(shape, value as number, place, String)
        : wrong(place, "must be a whole number");
    case "choice":
      return shape.values.includes(value as string)
        ? value
        : wrong(place, `must be one of ${shape.values.join(", ")}, not ${shown(value)}`);
    case "bytes":
      return amount(
        value,
        parseBytes,
        place,
        'must be a whole number of bytes or text such as "2GiB" or "500MB"',
        (n) =>
          shape.multipleOf !== undefined && n % shape.multipleOf !== 0
            ? wrong(place, `must be a multiple of ${showBytes(shape.multipleOf)}, not ${showBytes(n)}`)
            : within(shape, n, place, showBytes),
      );
    case "seconds":
      return amount(value, parseSeconds, place, 'must be a number of seconds or text such as "90s" or "5m"', (n) =>
        within(shape, n, place, (s) => `${s} seconds`),
      );
    case "list":
      return Array.isArray(value) ? elements(shape.items, shape.key, value, place) : wrong(place, "must be a list");
    case "map":
      if (!isFields(value)) return wrong(place, "must be an object of names and values");
      for (const name of Object.keys(value)) {
        const reason = isWhole(name) ? shape.values.check?.(name) : HALVED;
        if (reason !== undefined) wrong(at(place, name), `has a name that ${reason}`);
      }
      return mapFields(value, (v, k) => one(shape.values, v ?? undefined, at(place, k)));
    case "object":
      return fields(shape.fields, value, place);
  }
}

/** Half of a pair is no character: UTF-8 and XML cannot carry it. */
const isWhole = (text: string): boolean => !/\p{Surrogate}/u.test(text);
const HALVED = "must not hold half of a character (a lone surrogate)";

function elements(items: AnyProperty, key: ListKey | undefined, value: readonly unknown[], place: Place): unknown {
  const element = { ...items, required: true };
  if (key === undefined) return value.map((v, i) => one(element, v ?? undefined, at(place, i)));
  const seen = new Map<unknown, number>();
  return value.map((v, i) => {
    const nameless = key.prefix !== "" && isFields(v) && (v[key.field] ?? undefined) === undefined;
    const named = nameless ? { ...v, [key.field]: `${key.prefix}${i}` } : v;
    const id = isFields(named) ? named[key.field] : undefined;
    const other = seen.get(id);
    if (typeof id === "string" && other !== undefined)
      wrong(at(at(place, i), key.field), `"${id}" is already used by element ${other}: it must be unique in the list`);
    seen.set(id, i);
    return one(element, named ?? undefined, at(place, i));
  });
}

function amount(
  value: unknown,
  parse: (value: number | string) => number | undefined,
  place: Place,
  expected: string,
  then: (n: number) => unknown,
): unknown {
  const parsed = typeof value === "number" || typeof value === "string" ? parse(value) : undefined;
  if (parsed === undefined) return wrong(place, `${expected}, not ${shown(value)}`);
  return parsed < 0 ? wrong(place, `must not be negative, not ${shown(value)}`) : then(parsed);
}

const within = (
  { min, max }: { readonly min?: number; readonly max?: number },
  n: number,
  place: Place,
  show: (n: number) => string,
): unknown => {
  if (min !== undefined && n < min) return wrong(place, `must be at least ${show(min)}, not ${show(n)}`);
  if (max !== undefined && n > max) return wrong(place, `must be at most ${show(max)}, not ${show(n)}`);
  return n;
};

const wrong = (place: Place, reason: string): undefined => {
  place.problems.push({ path: place.path, reason });
  return undefined;
};

const shown = (value: unknown): string =>
  typeof value === "string"
    ? `"${value.slice(0, 40)}"`
    : typeof value === "number"
      ? String(value)
      : Array.isArray(value)
        ? "a list"
        : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;

/** ": did you mean …?" when one known name is close. */
function nearest(name: string, known: readonly string[]): string {
  const close = known.find((k) => k.toLowerCase() === name.toLowerCase() || distance(k, name) <= 2);
  return close === undefined ? `; known are ${known.join(", ")}` : `: did you mean "${close}"?`;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
