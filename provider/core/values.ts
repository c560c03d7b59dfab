/** A value that a preview cannot know yet. It may stand in place of any value, at any depth. */
export const UNKNOWN: unique symbol = Symbol("unknown");
export type Unknown = typeof UNKNOWN;

/** Plain data: what every face can carry. */
export type Value = undefined | null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };
export type Fields = Readonly<Record<string, unknown>>;

export const isUnknown = (value: unknown): value is Unknown => value === UNKNOWN;
export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** True when anything at any depth is unknown. */
export const hasUnknown = (value: unknown): boolean =>
  isUnknown(value) || (typeof value === "object" && value !== null && Object.values(value).some(hasUnknown));

/**
 * The same value with `undefined` for what is unknown: what a rule may reason about. The key stays, so that
 * `"cidr" in declared` still tells that something was given.
 */
export const knownPart = (value: unknown): unknown => {
  if (isUnknown(value)) return undefined;
  if (Array.isArray(value)) return value.map(knownPart);
  return isFields(value) ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, knownPart(v)])) : value;
};

/** Fields mapped; those that become `undefined` are left out. */
export const mapFields = <T>(fields: Fields, by: (value: unknown, key: string) => T | undefined): Record<string, T> => {
  const out: Record<string, T> = {};
  for (const [key, value] of Object.entries(fields)) {
    const mapped = by(value, key);
    if (mapped !== undefined) out[key] = mapped;
  }
  return out;
};

/** Equal as data: order of keys and keys that are `undefined` do not count. */
export const same = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((v, i) => same(v, b[i]));
  if (!isFields(a) || !isFields(b)) return false;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => same(a[key], b[key]));
};
