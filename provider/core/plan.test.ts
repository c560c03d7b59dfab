import { describe, expect, test } from "vitest";
import type { Driver } from "./driver.js";
import { kind } from "./kind.js";
import { plan } from "./plan.js";
import { integer, text } from "./schema.js";
import { UNKNOWN } from "./values.js";

const about = { doc: "A property." };
const Thing = kind({
  name: "Thing",
  title: "thing",
  doc: "A thing.",
  properties: {
    name: text({ ...about, required: true, onChange: "replace" }),
    note: text(about),
    size: integer({ ...about, default: 1, onChange: "restart" }),
    limit: integer({ ...about, keep: true, onChange: "restart" }),
  },
  outputs: { state: text({ ...about, required: true }) },
});
type Effects = Driver<typeof Thing, never>["effects"];

const wanted = { name: "a", size: 1 };
const now = (properties: object) => ({ id: "1", properties, outputs: { state: "up" } });

describe("the worst effect decides", () => {
  test.each([
    ["nothing", wanted, { action: "none", effect: undefined, changes: [] }],
    ["live", { ...wanted, note: "x" }, { action: "update", effect: "live" }],
    ["restart", { ...wanted, note: "x", size: 2 }, { action: "update", effect: "restart" }],
    ["replace", { ...wanted, name: "b", note: "x", size: 2 }, { action: "replace", effect: "replace" }],
  ])("%s", (_what, after, expected) => {
    expect(plan(Thing, { effects: {} }, { before: wanted, wanted: after, now: undefined })).toMatchObject(expected);
  });

  test("an unknown value counts", () => {
    const after = { ...wanted, size: UNKNOWN as unknown as number };
    expect(plan(Thing, { effects: {} }, { before: wanted, wanted: after, now: undefined }).effect).toBe("restart");
  });
});

describe("a backend knows better", () => {
  const effects: Effects = {
    size: ({ after }, is, { limit }) =>
      Number(after) <= (limit ?? is?.properties.limit ?? 0)
        ? { effect: "live" }
        : { effect: "restart", because: `limit is ${limit ?? is?.properties.limit}` },
  };
  test("from what exists", () => {
    const sides = { before: wanted, wanted: { ...wanted, size: 4 }, now: now({ limit: 4 }) };
    expect(plan(Thing, { effects }, sides)).toMatchObject({ effect: "live", changes: [{ path: "size", before: 1 }] });
  });
  test("from what is wanted, and says why", () => {
    const sides = { before: { ...wanted, limit: 2 }, wanted: { ...wanted, limit: 2, size: 4 }, now: now({ limit: 4 }) };
    expect(plan(Thing, { effects }, sides).changes).toEqual([
      {
        property: "size",
        path: "size",
        before: 1,
        after: 4,
        effect: "restart",
        because: "limit is 2",
        secret: false,
      },
    ]);
  });
  test("and nothing of what has no entry", () => {
    const sides = { before: wanted, wanted: { ...wanted, name: "b" }, now: now({}) };
    expect(plan(Thing, { effects }, sides).changes[0]).not.toHaveProperty("because");
  });
});

describe("words that are new in a declaration", () => {
  test.each([
    ["what holds already", { ...wanted, note: "there" }, []],
    ["something else", { ...wanted, note: "other" }, [{ path: "note", before: "there", after: "other" }]],
    ["a kept value that holds", { ...wanted, limit: 4 }, []],
    ["another kept value", { ...wanted, limit: 5 }, [{ path: "limit", before: 4, after: 5 }]],
  ])("say %s", (_what, after, changes) => {
    const sides = { before: wanted, wanted: after, now: now({ ...wanted, note: "there", limit: 4 }) };
    expect(plan(Thing, { effects: {} }, sides).changes).toMatchObject(changes);
    expect(plan(Thing, { effects: {} }, sides).changes).toHaveLength(changes.length);
  });
});
