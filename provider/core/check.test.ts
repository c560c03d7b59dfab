import { describe, expect, test } from "vitest";
import { checkFields } from "./check.js";
import { bytes, choice, flag, integer, list, map, object, type Properties, seconds, text } from "./schema.js";
import { UNKNOWN } from "./values.js";

const about = { doc: "A property." };
const item = object(
  { name: text({ ...about, required: true }), size: bytes({ ...about, default: "1KiB" }) },
  { doc: "One." },
);
const properties: Properties = {
  text: text({ ...about, check: (v) => (v === "bad" ? "must not be bad" : undefined) }),
  integer: integer({ ...about, min: 1, max: 9 }),
  flag: flag(about),
  bytes: bytes({ ...about, min: 1024, multipleOf: 512 }),
  seconds: seconds({ ...about, min: 1, max: 60 }),
  choice: choice(["a", "b"], about),
  list: list(integer({ ...about, min: 0 }), about),
  map: map(text(about), about),
  object: object({ inner: item, needed: flag({ ...about, required: true }) }, about),
  keyed: list(item, { ...about, key: { field: "name", prefix: "item" } }),
  fallback: object({ timeout: seconds({ ...about, default: "1m" }) }, { ...about, default: {} }),
};

const problemsOf = (written: unknown, table = properties) =>
  checkFields(table, written).problems.map((p) => `${p.path} ${p.reason}`);

describe("normal form", () => {
  test.each([
    [{ text: "" }, { text: "" }],
    [{ bytes: "2KiB" }, { bytes: 2048 }],
    [{ bytes: 1024 }, { bytes: 1024 }],
    [{ seconds: "0.5m" }, { seconds: 30 }],
    [{ list: [] }, { list: [] }],
    [{ map: { a: "1" } }, { map: { a: "1" } }],
    [
      { keyed: [{ size: 0 }, { name: "x" }] },
      {
        keyed: [
          { name: "item0", size: 0 },
          { name: "x", size: 1024 },
        ],
      },
    ],
    [
      { object: { needed: false, inner: { name: "x" } } },
      { object: { needed: false, inner: { name: "x", size: 1024 } } },
    ],
    [{ keyed: [{ name: null, size: null }] }, { keyed: [{ name: "item0", size: 1024 }] }],
    [{ map: { a: "1", b: null, c: undefined } }, { map: { a: "1" } }],
    [{ text: null, flag: undefined }, {}],
    [{ fallback: { timeout: 5 } }, { fallback: { timeout: 5 } }],
  ])("%o is %o", (written, normal) => {
    const { value, problems } = checkFields(properties, written);
    expect(problems).toEqual([]);
    expect(value).toStrictEqual({ fallback: { timeout: 60 }, ...normal });
  });

  test("is its own normal form", () => {
    const first = checkFields(properties, { bytes: "2KiB", keyed: [{}, {}], seconds: "9s" }).value;
    expect(checkFields(properties, first)).toStrictEqual({ value: first, problems: [] });
  });

  test("leaves what was written as it was", () => {
    const written = Object.freeze({ keyed: Object.freeze([Object.freeze({ size: "1KiB" })]) });
    expect(checkFields(properties, written).problems).toEqual([]);
    expect(written.keyed[0]).toStrictEqual({ size: "1KiB" });
  });
});

describe("one problem each, at its place", () => {
  test.each([
    [{ text: 1 }, "text must be text"],
    [{ text: "a\ud83d" }, "text must not hold half of a character (a lone surrogate)"],
    [{ text: "bad" }, "text must not be bad"],
    [{ integer: "1" }, "integer must be a whole number"],
    [{ integer: 1.5 }, "integer must be a whole number"],
    [{ integer: 0 }, "integer must be at least 1, not 0"],
    [{ integer: 10 }, "integer must be at most 9, not 10"],
    [{ flag: "true" }, "flag must be true or false"],
    [{ bytes: "1XB" }, 'bytes must be a whole number of bytes or text such as "2GiB" or "500MB", not "1XB"'],
    [{ bytes: {} }, 'bytes must be a whole number of bytes or text such as "2GiB" or "500MB", not an object'],
    [{ bytes: -1024 }, "bytes must not be negative, not -1024"],
    [{ bytes: 512 }, "bytes must be at least 1KiB, not 512 bytes"],
    [{ bytes: 1025 }, "bytes must be a multiple of 512 bytes, not 1025 bytes"],
    [{ seconds: "1d" }, 'seconds must be a number of seconds or text such as "90s" or "5m", not "1d"'],
    [{ seconds: -1 }, "seconds must not be negative, not -1"],
    [{ seconds: "2m" }, "seconds must be at most 60 seconds, not 120 seconds"],
    [{ choice: "c" }, 'choice must be one of a, b, not "c"'],
    [{ choice: [] }, "choice must be one of a, b, not a list"],
    [{ choice: true }, "choice must be one of a, b, not a boolean"],
    [{ list: 1 }, "list must be a list"],
    [{ list: [0, -1] }, "list[1] must be at least 0, not -1"],
    [{ list: [0, null] }, "list[1] is missing: it must be given"],
    [{ keyed: [{ name: "a" }, undefined] }, "keyed[1] is missing: it must be given"],
    [{ map: [] }, "map must be an object of names and values"],
    [{ map: { a: 1 } }, "map.a must be text"],
    [{ map: { "\ud83d": "x" } }, /has a name that must not hold half of a character/],
    [{ object: [] }, "object must be an object with inner, needed"],
    [{ object: {} }, "object.needed is missing: it must be given"],
    [{ object: { needed: true, inner: { name: "x", size: "?" } } }, /^object\.inner\.size must be a whole number/],
    [{ keyed: [{ name: "a" }, { name: "a" }] }, /^keyed\[1\]\.name "a" is already used by element 0/],
    [{ keyed: [{ name: "item1" }, {}] }, /^keyed\[1\]\.name "item1" is already used by element 0/],
    [{ keyed: [3] }, "keyed[0] must be an object with name, size"],
    [{ keyed: [{ nmae: "x" }] }, 'keyed[0].nmae is not a property: did you mean "name"?'],
    [{ Text: "x" }, 'Text is not a property: did you mean "text"?'],
    [{ intger: 1 }, 'intger is not a property: did you mean "integer"?'],
    [{ somethingElse: 1 }, /^somethingElse is not a property; known are text, integer, /],
    [{ constructor: "x" }, /^constructor is not a property; known are /],
    ["text", /^ must be an object with text, /],
  ])("%o: %s", (written, problem) => {
    const problems = problemsOf(written);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toEqual(typeof problem === "string" ? problem : expect.stringMatching(problem));
  });

  test("all of them at once", () => {
    expect(problemsOf({ text: 1, list: ["a", 2, "b"], object: { inner: {} } }).map((p) => p.split(" ")[0])).toEqual([
      "text",
      "list[0]",
      "list[2]",
      "object.inner.name",
      "object.needed",
    ]);
  });

  test("a property's own check sees only well-typed values", () => {
    const table = { t: text({ ...about, check: (v) => (v.startsWith("x") ? undefined : "must start with x") }) };
    expect(problemsOf({ t: 1 }, table)).toEqual(["t must be text"]);
  });

  test("and not of what holds something that is wrong", () => {
    const longest = (v: readonly string[]) => (v.some((t) => t.length > 3) ? "must be short" : undefined);
    const table = { l: list(text(about), { ...about, check: longest }) };
    expect(problemsOf({ l: ["long word"] }, table)).toEqual(["l must be short"]);
    expect(problemsOf({ l: [1, "long word"] }, table)).toEqual(["l[0] must be text"]);
  });

  test("a long value is cut in the sentence", () => {
    expect(problemsOf({ choice: "x".repeat(500) })[0]?.length).toBeLessThan(100);
  });
});

describe("unknown values pass at any depth, and stay", () => {
  test.each(Object.keys(properties).map((name) => ({ [name]: UNKNOWN })))("%o", (written) => {
    const { value, problems } = checkFields(properties, written);
    expect(problems).toEqual([]);
    expect(value).toMatchObject(written);
  });

  test.each([
    { list: [1, UNKNOWN] },
    { map: { a: UNKNOWN } },
    { object: { needed: UNKNOWN } },
    { object: { needed: true, inner: { name: UNKNOWN, size: UNKNOWN } } },
    { keyed: [UNKNOWN, { name: "a" }] },
    { keyed: [{ name: UNKNOWN }, { name: UNKNOWN }] },
  ])("%o", (written) => expect(problemsOf(written)).toEqual([]));

  test("as a whole declaration", () => expect(checkFields(properties, UNKNOWN).problems).toEqual([]));
});
