import { beforeEach, describe, expect, test } from "vitest";
import type { Driver, Observed, Update } from "./driver.js";
import { Engine, PartialFailure } from "./engine.js";
import { ProviderError, sentence } from "./errors.js";
import { kind } from "./kind.js";
import { flag, integer, text } from "./schema.js";
import { UNKNOWN } from "./values.js";

const about = { doc: "A property." };
const Thing = kind({
  name: "Thing",
  title: "thing",
  doc: "A thing.",
  properties: {
    name: text({ ...about, required: true, onChange: "replace" }),
    adopt: text({ ...about, policy: true }),
    size: integer({ ...about, default: 1, onChange: "restart" }),
    shape: text({ ...about, onChange: "restart" }),
    note: text(about),
    odd: text(about),
    mayRestart: flag({ ...about, default: true, policy: true }),
  },
  outputs: { state: text({ ...about, required: true }) },
  rules: ({ size, note }) => (size === 13 && note === "luck" ? [{ path: "size", reason: "must not be 13" }] : []),
  forbids: (effect, { mayRestart }) =>
    effect === "restart" && mayRestart === false ? "mayRestart is false" : undefined,
});
type Observation = Observed<typeof Thing>;

/** A host that does what a test says. */
interface Script {
  now: Observation | undefined;
  create(made: (id: string) => void): void;
  update(update: Update<typeof Thing>): void;
  observe(): void;
  readonly calls: string[];
}

let script: Script;
const step = { report: () => undefined, signal: new AbortController().signal };
const driver: Driver<typeof Thing, Script> = {
  support: {
    name: true,
    adopt: true,
    size: true,
    shape: true,
    note: true,
    odd: "not supported: it is odd",
    mayRestart: true,
  },
  list: async () => [],
  effects: { size: ({ after }) => ({ effect: "restart", because: `${after} is much` }) },
  examine: async (host, wanted, now) => {
    host.calls.push(`examine ${"size" in wanted} ${wanted.size} ${now?.id}`);
    return [{ path: "size", reason: "must be less" }];
  },
  observe: async (host, id, recorded) => {
    host.calls.push(`observe ${id}${recorded === undefined ? "" : ` ${recorded.inputs.name}`}`);
    host.observe();
    return host.now;
  },
  create: async (host, _wanted, { made }) => host.create(made),
  update: async (host, update) => host.update(update),
  remove: async (host, id, { name }) => {
    host.calls.push(`remove ${id} ${name}`);
    throw new ProviderError("busy", "it is used");
  },
};
const engine = () => new Engine(Thing, driver, { name: "host-1", connection: script });

const wanted = { name: "a", size: 1, mayRestart: true };
const thing = (properties: object = {}): Observation => ({
  id: "id-1",
  properties: { name: "a", size: 1, ...properties },
  outputs: { state: "up" },
});
const failed = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => undefined,
    (e: unknown) => e,
  );

beforeEach(() => {
  script = {
    now: thing(),
    create: (made) => made("id-1"),
    update: () => undefined,
    observe: () => undefined,
    calls: [],
  };
});

describe("check", () => {
  test.each([
    ["a type", { name: 1 }, [{ path: "name", reason: "must be text" }]],
    ["what spans properties", { name: "a", size: 13, note: "luck" }, [{ path: "size", reason: "must not be 13" }]],
    ["types before what spans them", { name: 1, size: 13, note: "luck" }, [{ path: "name", reason: "must be text" }]],
    ["what the backend cannot do", { name: "a", odd: "x" }, [{ path: "odd", reason: "not supported: it is odd" }]],
    ["nothing where it is left out", { name: "a", odd: null }, []],
    ["nothing of an unknown value", { name: UNKNOWN, size: UNKNOWN, note: "luck" }, []],
    [
      "an unknown value of what the backend cannot do",
      { name: "a", odd: UNKNOWN },
      [{ path: "odd", reason: "not supported: it is odd" }],
    ],
  ])("refuses %s", (_what, written, problems) => expect(engine().check(written).problems).toEqual(problems));
});

describe("examine", () => {
  test("gives the driver what is known, and what exists", async () => {
    const inputs = { name: "a", size: UNKNOWN as unknown as number };
    expect(await engine().examine(inputs)).toEqual([{ path: "size", reason: "must be less" }]);
    await engine().examine(inputs, "id-1");
    expect(script.calls).toEqual(["examine true undefined undefined", "observe id-1", "examine true undefined id-1"]);
  });
});

describe("create", () => {
  test("answers with what the host has", async () => {
    expect(await engine().create(wanted, step)).toEqual({ id: "id-1", inputs: wanted, outputs: { state: "up" } });
  });

  test.each([
    ["before the host had it", undefined, ProviderError],
    ["after the host had it", "id-1", PartialFailure],
  ])("a failure %s", async (_when, id, type) => {
    script.create = (made) => {
      if (id !== undefined) made(id);
      throw new ProviderError("denied", "no right to start");
    };
    expect(await failed(engine().create(wanted, step))).toBeInstanceOf(type);
  });

  test("a partial failure keeps what is there, and the place of what failed", async () => {
    script.create = (made) => {
      made("id-1");
      throw new Error("boom");
    };
    const error = (await failed(engine().create(wanted, step))) as PartialFailure;
    expect(error).toMatchObject({ id: "id-1", kept: { id: "id-1", inputs: { name: "a", size: 1 } } });
    expect(sentence(error.failure)).toBe(
      'Unable to create thing "a" on host-1: boom. This is a bug in crossvisor: please report it.',
    );
  });

  test("a partial failure on a host that is silent afterwards keeps the id", async () => {
    script.create = (made) => made("id-1");
    script.observe = () => {
      throw new ProviderError("unreachable", "no answer");
    };
    const error = await failed(engine().create(wanted, step));
    expect(error).toMatchObject({ id: "id-1", kept: undefined, failure: { code: "unreachable" } });
  });

  test("without an id is a bug of the driver", async () => {
    script.create = () => undefined;
    expect(await failed(engine().create(wanted, step))).toMatchObject({ code: "bug" });
  });

  test("a host that has something else fails, by name", async () => {
    script.now = thing({ size: 2 });
    const error = await failed(engine().create({ ...wanted, note: "x" }, step));
    expect(error).toMatchObject({ id: "id-1", failure: { code: "failed", where: { property: "size, note" } } });
  });

  test("an adopted object may be something else", async () => {
    script.now = thing({ size: 2 });
    const kept = await engine().create({ ...wanted, adopt: "a" }, step);
    expect(kept.inputs).toEqual({ ...wanted, size: 2, adopt: "a" });
  });

  test("of an object that vanishes fails, and keeps the id", async () => {
    script.now = undefined;
    expect(await failed(engine().create(wanted, step))).toMatchObject({ id: "id-1", failure: { code: "failed" } });
  });

  test("is not begun with an unknown value", async () => {
    const created = engine().create({ ...wanted, note: UNKNOWN as unknown as string }, step);
    expect(await failed(created)).toMatchObject({ code: "bug" });
    expect(script.calls).toEqual([]);
  });
});

describe("read", () => {
  test("gives what was declared with its live values", async () => {
    script.now = thing({ size: 5, note: "undeclared" });
    expect(await engine().read("id-1", { name: "a", size: 1 }, { state: "down" })).toEqual({
      id: "id-1",
      inputs: { name: "a", size: 5 },
      outputs: { state: "up" },
    });
    expect(script.calls).toEqual(["observe id-1 a"]);
  });

  test("gives nothing when it is gone, and fails when nobody answers", async () => {
    script.now = undefined;
    expect(await engine().read("id-1", wanted)).toBe(undefined);
    script.observe = () => {
      throw new ProviderError("timeout", "no answer in time");
    };
    const error = (await failed(engine().read("id-1", wanted))) as ProviderError;
    expect(sentence(error)).toBe('Unable to read thing "a" on host-1: no answer in time.');
  });
});

describe("update", () => {
  test("gives the driver the changes from what is, not from what was thought to be", async () => {
    script.now = thing({ size: 3, note: "drifted" });
    let given: Update<typeof Thing> | undefined;
    script.update = (update) => {
      given = update;
      script.now = thing({ size: 4, note: "x" });
    };
    const kept = await engine().update("id-1", { ...wanted, note: "x" }, { ...wanted, size: 4, note: "x" }, step);
    expect(given?.changes.map((c) => [c.path, c.before, c.after])).toEqual([
      ["size", 3, 4],
      ["note", "drifted", "x"],
    ]);
    expect(kept.inputs).toEqual({ ...wanted, size: 4, note: "x" });
  });

  test("writes nothing when nothing is left to do", async () => {
    script.now = thing({ size: 4 });
    script.update = () => {
      throw new Error("a write");
    };
    expect((await engine().update("id-1", wanted, { ...wanted, size: 4 }, step)).inputs.size).toBe(4);
  });

  test("of what is gone says so", async () => {
    script.now = undefined;
    expect(await failed(engine().update("id-1", wanted, { ...wanted, size: 4 }, step))).toMatchObject({
      code: "not-found",
      hint: "Run a refresh; the next update makes it again.",
    });
  });

  test("never replaces", async () => {
    const error = await failed(engine().update("id-1", wanted, { ...wanted, name: "b" }, step));
    expect(error).toMatchObject({ code: "invalid", where: { property: "name" } });
  });

  test("does not do what the policy forbids, and says why", async () => {
    const update = engine().update("id-1", wanted, { ...wanted, size: 4, mayRestart: false }, step);
    const error = (await failed(update)) as ProviderError;
    expect(sentence(error)).toBe(
      'Unable to update thing "a" on host-1: size: this change needs a restart (4 is much), and mayRestart is false.',
    );
  });

  test("names every property that the policy forbids to change", async () => {
    const changed = { ...wanted, size: 4, shape: "round", mayRestart: false };
    const error = (await failed(engine().update("id-1", wanted, changed, step))) as ProviderError;
    expect(sentence(error)).toMatch(/size, shape: these changes need a restart \(4 is much\)/);
  });

  test("keeps what is there when it fails half way", async () => {
    script.update = () => {
      script.now = thing({ size: 4 });
      throw new ProviderError("dropped", "the answer was lost");
    };
    const error = await failed(engine().update("id-1", wanted, { ...wanted, size: 4, note: "x" }, step));
    expect(error).toBeInstanceOf(PartialFailure);
    expect(error).toMatchObject({
      kept: { inputs: { name: "a", size: 4 } },
      failure: { code: "dropped", where: { verb: "update", name: "a", kind: "thing", host: "host-1" } },
    });
  });

  test("remembers what it should have taken away when it fails", async () => {
    script.now = thing({ note: "old" });
    script.update = () => {
      throw new ProviderError("dropped", "the answer was lost");
    };
    const update = () => engine().update("id-1", { ...wanted, note: "old" }, wanted, step);
    expect(await failed(update())).toMatchObject({ kept: { inputs: { note: "old" } } });
    // A host that falls silent leaves the declarations.
    script.update = () => {
      script.observe = () => {
        throw new ProviderError("unreachable", "no answer");
      };
      throw new ProviderError("dropped", "the answer was lost");
    };
    expect(await failed(update())).toMatchObject({ kept: undefined, declared: { name: "a", note: "old" } });
  });

  test("that the host accepts and does not make fails", async () => {
    const error = await failed(engine().update("id-1", wanted, { ...wanted, size: 4 }, step));
    expect(error).toMatchObject({ failure: { code: "failed", where: { property: "size" } } });
  });
});

test("remove gives the driver what was declared, and its errors a place", async () => {
  const error = (await failed(engine().remove("id-1", wanted, step))) as ProviderError;
  expect(sentence(error)).toBe('Unable to delete thing "a" on host-1: it is used.');
  expect(script.calls).toEqual(["remove id-1 a"]);
});
