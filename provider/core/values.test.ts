import { expect, test } from "vitest";
import { hasUnknown, knownPart, mapFields, same, UNKNOWN } from "./values.js";

test.each([
  [1, 1, true],
  [Number.NaN, Number.NaN, true],
  [1, "1", false],
  [null, undefined, false],
  [{}, [], false],
  [[], {}, false],
  [{ a: 1, b: undefined }, { a: 1 }, true],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [[1, 2], [2, 1], false],
  [[1], [1, 2], false],
  [{ a: [{ b: 1 }] }, { a: [{ b: 1 }] }, true],
  [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }, false],
  [UNKNOWN, UNKNOWN, true],
  [UNKNOWN, undefined, false],
])("%o and %o: %s", (a, b, equal) => {
  expect(same(a, b)).toBe(equal);
  expect(same(b, a)).toBe(equal);
});

test("unknown values are found at any depth", () => {
  expect(hasUnknown({ a: [{ b: UNKNOWN }] })).toBe(true);
  expect(hasUnknown({ a: [{ b: null }], c: "unknown" })).toBe(false);
});

test("the known part keeps keys and places of what is unknown", () => {
  const known = knownPart({ a: UNKNOWN, b: [1, UNKNOWN, { c: UNKNOWN, d: 2 }] });
  expect(known).toStrictEqual({ a: undefined, b: [1, undefined, { c: undefined, d: 2 }] });
});

test("mapped fields leave out what becomes undefined", () => {
  expect(mapFields({ a: 1, b: 2, c: 3 }, (v, key) => (key === "b" ? undefined : v))).toStrictEqual({ a: 1, c: 3 });
});
