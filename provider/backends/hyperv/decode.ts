import { ProviderError } from "../../core/errors.js";
import { isFields } from "../../core/values.js";

/** Makes a value of a known type of what a host answered. @throws `bug` with the place that is otherwise. */
export type Decoder<T> = (value: unknown, at: string) => T;
export type Decoded<D> = D extends Decoder<infer T> ? T : never;

const wrong = (at: string, expected: string, value: unknown): ProviderError =>
  new ProviderError("bug", `the host answered ${JSON.stringify(value)?.slice(0, 60)} where ${at} is ${expected}`);

export const text: Decoder<string> = (value, at) => {
  if (typeof value === "string") return value;
  throw wrong(at, "text", value);
};

export const number: Decoder<number> = (value, at) => {
  if (typeof value === "number") return value;
  throw wrong(at, "a number", value);
};

export const flag: Decoder<boolean> = (value, at) => {
  if (typeof value === "boolean") return value;
  throw wrong(at, "true or false", value);
};

export const list =
  <T>(each: Decoder<T>): Decoder<readonly T[]> =>
  (value, at) => {
    if (Array.isArray(value)) return value.map((v, i) => each(v, `${at}[${i}]`));
    throw wrong(at, "a list", value);
  };

/** A script writes `null` for what is not known. */
export const optional =
  <T>(some: Decoder<T>): Decoder<T | undefined> =>
  (value, at) =>
    value === null || value === undefined ? undefined : some(value, at);

/** What the client has no use for is left out. */
export const fields =
  <S extends Readonly<Record<string, Decoder<unknown>>>>(
    shape: S,
  ): Decoder<{ readonly [K in keyof S]: Decoded<S[K]> }> =>
  (value, at) => {
    if (!isFields(value)) throw wrong(at, "an object", value);
    const entries = Object.entries(shape).map(([name, part]) => [name, part(value[name], `${at}.${name}`)]);
    return Object.fromEntries(entries) as never;
  };
