import { describe, expect, test } from "vitest";
import { checkFields } from "./check.js";
import { type Difference, differences, project, united } from "./compare.js";
import { bytes, choice, flag, integer, list, map, object, type Properties, text } from "./schema.js";
import { isFields, same, UNKNOWN } from "./values.js";

const about = { doc: "A property." };
const item = object(
  {
    name: text({ ...about, required: true }),
    size: bytes({ ...about, onChange: "restart" }),
    mac: text({ ...about, keep: true }),
    secretWord: text({ ...about, secret: true }),
    inner: object({ flag: flag(about), deep: text(about) }, about),
  },
  about,
);
const properties: Properties = {
  name: text({ ...about, onChange: "replace" }),
  cpus: integer({ ...about, onChange: "restart" }),
  kept: integer({ ...about, keep: true }),
  policy: choice(["a", "b"], { ...about, policy: true }),
  tags: map(text(about), about),
  plain: list(integer(about), about),
  items: list(item, { ...about, key: { field: "name", prefix: "i" } }),
  seed: object({ user: text(about) }, { ...about, unobserved: true, secret: true }),
};

const brief = (before: unknown, after: unknown) =>
  differences(properties, before, after).map((d) => [d.path, d.before, d.after, d.effect]);

describe("differences", () => {
  test.each([
    ["nothing", {}, {}, []],
    ["a value added", {}, { cpus: 1 }, [["cpus", undefined, 1, "restart"]]],
    ["a value changed", { name: "a" }, { name: "b" }, [["name", "a", "b", "replace"]]],
    ["a value removed", { cpus: 1 }, {}, [["cpus", 1, undefined, "restart"]]],
    ["null counts as removed", { cpus: 1 }, { cpus: null }, [["cpus", 1, undefined, "restart"]]],
    ["a kept value left out", { kept: 1 }, {}, []],
    ["a kept value changed", { kept: 1 }, { kept: 2 }, [["kept", 1, 2, "live"]]],
    ["a policy", { policy: "a" }, { policy: "b" }, []],
    ["a map as a whole", { tags: { a: "1" } }, { tags: { a: "2" } }, [["tags", { a: "1" }, { a: "2" }, "live"]]],
    ["a plain list as a whole", { plain: [1, 2] }, { plain: [2, 1] }, [["plain", [1, 2], [2, 1], "live"]]],
    ["an unknown value where one is", { cpus: 1 }, { cpus: UNKNOWN }, [["cpus", 1, UNKNOWN, "restart"]]],
    ["an unknown value where none is", {}, { kept: UNKNOWN }, [["kept", undefined, UNKNOWN, "live"]]],
    [
      "a list that is unknown",
      { items: [{ name: "a" }] },
      { items: UNKNOWN },
      [["items", [{ name: "a" }], UNKNOWN, "live"]],
    ],
    ["an element added", { items: [] }, { items: [{ name: "a" }] }, [['items["a"]', undefined, { name: "a" }, "live"]]],
    [
      "an element removed",
      { items: [{ name: "a" }] },
      { items: [] },
      [['items["a"]', { name: "a" }, undefined, "live"]],
    ],
    [
      "a field of an element, with its own effect",
      { items: [{ name: "a", size: 1 }, { name: "b" }] },
      { items: [{ name: "a", size: 2 }, { name: "b" }] },
      [['items["a"].size', 1, 2, "restart"]],
    ],
    ["a kept field of an element left out", { items: [{ name: "a", mac: "m" }] }, { items: [{ name: "a" }] }, []],
    [
      "an unknown field of an element",
      { items: [{ name: "a", size: 1 }] },
      { items: [{ name: "a", size: UNKNOWN }] },
      [['items["a"].size', 1, UNKNOWN, "restart"]],
    ],
    [
      "an unknown key makes the list one value",
      { items: [{ name: "a" }] },
      { items: [{ name: UNKNOWN }] },
      [["items", [{ name: "a" }], [{ name: UNKNOWN }], "live"]],
    ],
    [
      "the order of elements",
      { items: [{ name: "a" }, { name: "b" }] },
      { items: [{ name: "b" }, { name: "a" }] },
      [["items (order)", ["a", "b"], ["b", "a"], "live"]],
    ],
    [
      "an element put in front changes no order",
      { items: [{ name: "a" }, { name: "b" }] },
      { items: [{ name: "c" }, { name: "a" }, { name: "b" }] },
      [['items["c"]', undefined, { name: "c" }, "live"]],
    ],
  ])("%s", (_what, before, after, expected) => expect(brief(before, after)).toEqual(expected));

  test("say which element and field they are in, and whether it is secret", () => {
    const before = { items: [{ name: "a", inner: { deep: "x" }, secretWord: "s" }], seed: { user: "u" } };
    const after = { items: [{ name: "a", inner: { deep: "y" }, secretWord: "t" }], seed: { user: "v" } };
    expect(differences(properties, before, after)).toMatchObject([
      { property: "items", element: "a", field: "secretWord", secret: true },
      { property: "items", element: "a", field: "inner.deep", path: 'items["a"].inner.deep', secret: false },
      { property: "seed", field: "user", path: "seed.user", secret: true },
    ]);
  });
});

describe("projection", () => {
  test.each([
    ["live values of what was declared", { cpus: 1 }, { cpus: 2, kept: 9 }, { cpus: 2 }],
    ["nothing where the host has nothing", { cpus: 1 }, {}, {}],
    ["a policy as it was declared", { policy: "a" }, { policy: "b" }, { policy: "a" }],
    ["what cannot be observed as it was declared", { seed: { user: "u" } }, {}, { seed: { user: "u" } }],
    ["and not, when the host says that it is not there", { seed: { user: "u" } }, { seed: null }, {}],
    [
      "whole maps: an undeclared tag is drift",
      { tags: { a: "1" } },
      { tags: { a: "1", b: "2" } },
      { tags: { a: "1", b: "2" } },
    ],
    [
      "declared fields of an element, and undeclared elements whole",
      { items: [{ name: "a", size: 1 }] },
      {
        items: [
          { name: "x", mac: "m" },
          { name: "a", size: 2, mac: "n" },
        ],
      },
      {
        items: [
          { name: "x", mac: "m" },
          { name: "a", size: 2 },
        ],
      },
    ],
    ["no element that is gone", { items: [{ name: "a" }] }, { items: [] }, { items: [] }],
  ])("keeps %s", (_what, declared, observed, expected) => {
    expect(project(properties, declared, observed)).toStrictEqual(expected);
  });

  test("drift comes back as differences", () => {
    const declared = { items: [{ name: "a", size: 1 }] };
    const observed = {
      items: [
        { name: "a", size: 2, mac: "m" },
        { name: "b", size: 3 },
      ],
    };
    expect(brief(project(properties, declared, observed), declared)).toEqual([
      ['items["a"].size', 2, 1, "restart"],
      ['items["b"]', { name: "b", size: 3 }, undefined, "live"],
    ]);
  });
});

/** A small linear congruential generator (Numerical Recipes): the same declarations in every run. */
const random = (seed: number) => {
  let state = seed >>> 0;
  return (limit: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
};

function declaration(pick: (limit: number) => number): Record<string, unknown> {
  const maybe = <T>(value: () => T): T | undefined => (pick(2) === 0 ? undefined : value());
  const element = (name: string) => ({
    name,
    size: maybe(() => pick(4)),
    mac: maybe(() => `m${pick(3)}`),
    inner: maybe(() => ({ flag: maybe(() => pick(2) === 0), deep: maybe(() => `d${pick(3)}`) })),
  });
  const written = {
    name: `n${pick(2)}`,
    cpus: maybe(() => pick(3)),
    kept: maybe(() => pick(3)),
    policy: maybe(() => ["a", "b"][pick(2)]),
    tags: maybe(() => ({ [`t${pick(3)}`]: `${pick(3)}` })),
    plain: maybe(() => [pick(3), pick(3)]),
    items: maybe(() =>
      ["a", "b", "c", "d"]
        .filter(() => pick(2) === 0)
        .sort(() => pick(3) - 1)
        .map(element),
    ),
    seed: maybe(() => ({ user: `u${pick(2)}` })),
  };
  return checkFields(properties, written).value;
}

/** Carries a difference out on plain data, by its property, element and field alone. */
function apply(state: Record<string, unknown>, { property, element, field, after }: Difference): void {
  const set = (target: Record<string, unknown>, [step = "", ...rest]: readonly string[]): void => {
    if (rest.length === 0) target[step] = after;
    else {
      target[step] = target[step] ?? {};
      set(target[step] as Record<string, unknown>, rest);
    }
  };
  const fields = field?.split(".") ?? [];
  const items = (Array.isArray(state[property]) ? state[property] : []) as Record<string, unknown>[];
  const at = items.findIndex((e) => e["name"] === element);
  if (element === undefined && field !== "(order)") set(state, [property, ...fields]);
  else if (field === "(order)")
    items.sort((a, b) => (after as unknown[]).indexOf(a["name"]) - (after as unknown[]).indexOf(b["name"]));
  else if (fields.length > 0) set(items[at] ?? {}, fields);
  else if (after === undefined) items.splice(at, 1);
  else items.push(after as Record<string, unknown>);
}

/** Elements by name, without what `keep` may leave: what two declarations must share after a change. */
const comparable = (state: unknown, wanted: unknown): unknown =>
  project(properties, wanted, isFields(state) ? { ...state } : {});

describe("of any declarations", () => {
  const pick = random(20_240_229);
  const cases = Array.from({ length: 300 }, () => [declaration(pick), declaration(pick)] as const);

  test("nothing differs from itself, and the projection of itself is itself", () => {
    for (const [x] of cases) {
      expect(differences(properties, x, structuredClone(x))).toEqual([]);
      expect(project(properties, x, structuredClone(x))).toEqual(x);
    }
  });

  test("differences, carried out, leave none", () => {
    for (const [before, wanted] of cases) {
      const state = structuredClone(before);
      for (const d of differences(properties, before, wanted)) apply(state, structuredClone(d));
      // An element that was added stands at the end here: only the order of the others was a difference.
      const left = differences(properties, comparable(state, wanted), wanted).filter((d) => d.field !== "(order)");
      expect(left, JSON.stringify({ before, wanted })).toEqual([]);
    }
  });

  test("there are none only where all but policies and kept values is the same", () => {
    for (const [before, wanted] of cases) {
      if (differences(properties, before, wanted).length > 0) continue;
      const { name, cpus, tags, plain, seed } = before;
      expect(
        same({ name, cpus, tags, plain, seed }, { ...wanted, kept: undefined, policy: undefined, items: undefined }),
      ).toBe(true);
    }
  });
});

describe("what a failed step leaves to be looked at", () => {
  test.each([
    ["what was taken out", { cpus: 1, name: "a" }, { name: "b" }, { cpus: 1, name: "b" }],
    ["a field that was taken out", { seed: { user: "x" } }, { seed: {} }, { seed: { user: "x" } }],
    ["only the new policy", { policy: "a" }, {}, {}],
    ["lists as they are wanted", { plain: [1], tags: { a: "1" } }, { plain: [2], tags: {} }, { plain: [2], tags: {} }],
    [
      "fields of elements",
      { items: [{ name: "x", size: 1 }, { name: "y" }] },
      { items: [{ name: "x", inner: {} }] },
      { items: [{ name: "x", size: 1, inner: {} }] },
    ],
  ])("holds %s", (_what, declared, wanted, either) => expect(united(properties, declared, wanted)).toEqual(either));
});
