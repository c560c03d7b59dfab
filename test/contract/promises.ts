import { expect } from "vitest";
import { checkFields } from "../../provider/core/check.js";
import { PartialFailure } from "../../provider/core/engine.js";
import { isProviderError, ProviderError } from "../../provider/core/errors.js";
import type { Properties } from "../../provider/core/schema.js";
import { isFields, UNKNOWN } from "../../provider/core/values.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { Words } from "./fixture.js";
import { type Declared, type Made, OWNER, STRANGER, type Stand, step } from "./stand.js";
import { samples, walks } from "./walks.js";

/** A promise that every driver makes: throws when it is not kept. */
export type Promised = (stand: Stand, kind: KindName) => Promise<void>;

/** The error of a step that must fail and touch nothing: a `PartialFailure` is none, it would put the object into a state. */
export async function failure(run: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await run.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error, "the step succeeded").toBeInstanceOf(ProviderError);
  return error as ProviderError;
}

/** The error of an update that must fail: what exists is kept with it. */
export const updateFailure = (run: Promise<unknown>): Promise<ProviderError> =>
  failure(
    run.catch((e: unknown) => {
      throw e instanceof PartialFailure ? e.failure : e;
    }),
  );

const propertiesOf = (kind: KindName): Properties => kinds[kind].properties;

/** What the host says of an object, which must be there. */
export async function seen(stand: Stand, kind: KindName, { id, inputs }: Pick<Made, "id" | "inputs">) {
  const now = await stand.engine(kind).observe(id, inputs);
  if (now === undefined) throw new Error(`${kind} ${id} is not on the host`);
  return now;
}

/** The plan from what is kept to what is wanted, on what the host says now. */
export async function planned(stand: Stand, kind: KindName, made: Made, wanted: Declared) {
  return stand.engine(kind).plan(made.inputs, wanted, await seen(stand, kind, made));
}

const shows: Promised = async (stand, kind) => {
  const words = await stand.words(kind);
  const wanted = stand.checked(kind, words);
  const made = await stand.create(kind, words);
  const read = await stand.engine(kind).read(made.id, wanted);
  expect(read?.id).toBe(made.id);
  for (const [name, property] of Object.entries(propertiesOf(kind)))
    if (!property.policy) expect(read?.inputs[name], name).toEqual(wanted[name]);
};

const emptyPlan: Promised = async (stand, kind) => {
  const words = await stand.words(kind);
  const made = await stand.create(kind, words);
  expect(await planned(stand, kind, made, stand.checked(kind, words))).toMatchObject({ action: "none", changes: [] });
};

const outputs: Promised = async (stand, kind) => {
  const made = await stand.create(kind, await stand.words(kind));
  const said = (await seen(stand, kind, made)).outputs;
  const declared: Properties = kinds[kind].outputs;
  expect(checkFields(declared, said).problems).toEqual([]);
  expect(said["host"]).toBe(stand.fixture.host.identity);
};

const lists: Promised = async (stand, kind) => {
  const words: Words = { ...(await stand.words(kind)), owner: STRANGER };
  const made = await stand.create(kind, words);
  const found = (await stand.engine(kind).list()).filter(({ id }) => id === made.id);
  expect(found.map(({ name }) => name)).toEqual([words["name"]]);
  const listed = found[0]?.outputs ?? {};
  expect(listed).toEqual(pick((await seen(stand, kind, made)).outputs, Object.keys(listed)));
};

const pick = (from: object, keys: readonly string[]) =>
  Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)));

const once: Promised = async (stand, kind) => {
  const words = await stand.words(kind);
  const [first, second] = [await stand.create(kind, words), await stand.create(kind, words)];
  expect([second.id, second.inputs]).toEqual([first.id, first.inputs]);
};

/** Other words that can be changed in place. */
async function otherwise(stand: Stand, kind: KindName, base: Words): Promise<Words> {
  const [, walk] = Object.entries(walks[kind]).find(([title]) => title !== "owner") ?? [];
  return { ...base, ...(await walk?.(stand, base))?.[0] };
}

/** An earlier attempt made it with other words. */
const goesOn: Promised = async (stand, kind) => {
  const base = await stand.words(kind);
  const first = await stand.create(kind, base);
  const words = await otherwise(stand, kind, base);
  const second = await stand.create(kind, words);
  expect(second.id).toBe(first.id);
  expect(await planned(stand, kind, second, stand.checked(kind, words))).toMatchObject({ action: "none" });
};

const brokenOff: Promised = async (stand, kind) => {
  const { breaking } = stand.fixture;
  if (breaking === undefined) throw new Error("the fixture has no `breaking`: list this promise as a deviation");
  const words = await stand.words(kind);
  const wanted = stand.checked(kind, words);
  const broken = await breaking.call(stand.fixture);
  await expect(broken.engine(kind).create(wanted, step())).rejects.toThrow();
  await broken.close();
  const made = await stand.create(kind, words);
  expect(await planned(stand, kind, made, wanted)).toMatchObject({ action: "none" });
  await stand.engine(kind).remove(made.id, made.inputs, step());
  expect(await stand.engine(kind).observe(made.id, made.inputs), "the broken-off creation left a second one").toBe(
    undefined,
  );
  await stand.create(kind, words);
};

const removedTwice: Promised = async (stand, kind) => {
  const made = await stand.create(kind, await stand.words(kind));
  const engine = stand.engine(kind);
  await engine.remove(made.id, made.inputs, step());
  expect(await engine.observe(made.id, made.inputs)).toBe(undefined);
  await engine.remove(made.id, made.inputs, step());
  stand.forget(kind, made.id);
};

const again: Promised = async (stand, kind) => {
  const words = await stand.words(kind);
  const first = await stand.create(kind, words);
  await stand.engine(kind).remove(first.id, first.inputs, step());
  const second = await stand.create(kind, words);
  expect(second.inputs).toEqual(first.inputs);
  expect(second.id).toBe(first.id);
};

const gone: Promised = async (stand, kind) => {
  const words = await stand.words(kind);
  const made = await stand.create(kind, words);
  await stand.engine(kind).remove(made.id, made.inputs, step());
  stand.forget(kind, made.id);
  const error = await failure(
    stand.engine(kind).update(made.id, made.inputs, stand.checked(kind, { ...words, owner: "contract/x" }), step()),
  );
  expect(error.code).toBe("not-found");
};

const refused: Promised = async (stand, kind) => {
  const base = await stand.words(kind);
  for (const [property, answer] of Object.entries(stand.fixture.support[kind])) {
    if (answer === true) continue;
    const [, walk] = Object.entries(walks[kind]).find(([title]) => title.split(" ")[0] === property) ?? [];
    const words = (await walk?.(stand, base))?.[0] ?? { [property]: samples[property] };
    const { problems } = stand.engine(kind).check({ ...base, ...words });
    expect(problems, property).toContainEqual({ path: property, reason: answer });
    expect(answer).toMatch(/^not supported: ./);
  }
};

/** References that a preview does not know yet. */
const unknown: Promised = async (stand, kind) => {
  const base = await stand.words(kind);
  const words: Words = {
    ...base,
    ...(kind === "Volume" ? { pool: UNKNOWN } : {}),
    ...(kind === "VirtualMachine"
      ? { disks: [{ name: "a", volume: UNKNOWN }], networks: [{ name: "b", network: UNKNOWN }] }
      : { name: UNKNOWN }),
  };
  const engine = stand.engine(kind);
  const { inputs, problems } = engine.check(words);
  expect(problems).toEqual([]);
  expect(await engine.examine(inputs)).toEqual([]);
};

const foreign: Promised = async (stand, kind) => {
  const base = await stand.words(kind);
  const theirs = await stand.create(kind, { ...base, owner: STRANGER });
  const before = await seen(stand, kind, theirs);
  const mine = stand.checked(kind, { ...base, owner: OWNER });
  const problems = await stand.engine(kind).examine(mine);
  expect(problems.map((p) => p.path)).toContain("name");
  const error = await failure(stand.engine(kind).create(mine, step()));
  expect(error.code).toBe("exists");
  expect(`${error.fact} ${error.hint}`).toMatch(/adopt/);
  expect((await seen(stand, kind, theirs)).properties).toEqual(before.properties);
};

/** The properties, but not whose it is: a driver may write its new owner down. */
const unowned = (properties: unknown) => (isFields(properties) ? { ...properties, owner: undefined } : properties);

const adopts =
  (by: "name" | "id"): Promised =>
  async (stand, kind) => {
    const base = await stand.words(kind);
    const theirs = await stand.create(kind, { ...base, owner: STRANGER });
    const before = await seen(stand, kind, theirs);
    const adopt = by === "id" ? theirs.id : base["name"];
    const words = { ...(await otherwise(stand, kind, base)), owner: OWNER, adopt };
    expect(await stand.engine(kind).examine(stand.checked(kind, words))).toEqual([]);
    const mine = await stand.create(kind, words);
    expect(mine.id).toBe(theirs.id);
    const { properties } = await seen(stand, kind, mine);
    expect(unowned(properties)).toEqual(unowned(before.properties));
    // Where an object can tell its owner, it has the new one at once.
    const told: { readonly owner?: unknown } = properties;
    if (!propertiesOf(kind)["owner"]?.unobserved) expect(told.owner).toBe(OWNER);
    // What the declaration says otherwise is the next update's work.
    const wanted = stand.checked(kind, words);
    const settled = await stand.engine(kind).update(mine.id, mine.inputs, wanted, step());
    expect(await planned(stand, kind, settled, wanted)).toMatchObject({ action: "none" });
  };

const adoptsNothing: Promised = async (stand, kind) => {
  const words = { ...(await stand.words(kind)), adopt: "contract-nothing" };
  const wanted = stand.checked(kind, words);
  expect((await stand.engine(kind).examine(wanted)).map((p) => p.path)).toContain("adopt");
  const error = await failure(stand.engine(kind).create(wanted, step()));
  expect(["invalid", "not-found"]).toContain(error.code);
  expect(error.where.property).toBe("adopt");
};

const silence: Promised = async (stand, kind) => {
  const made = await stand.create(kind, await stand.words(kind));
  const silent = await stand.fixture.silent();
  try {
    const codes = ["unreachable", "timeout", "dropped", "busy", "denied"] as const;
    const engine = stand.engine(kind, silent);
    const read = await failure(engine.read(made.id, made.inputs));
    expect(isProviderError(read, ...codes), `${read.code} is not silence`).toBe(true);
    const removal = await failure(engine.remove(made.id, made.inputs, step()));
    expect(isProviderError(removal, ...codes), `${removal.code} is not silence`).toBe(true);
  } finally {
    await silent.close();
  }
  await seen(stand, kind, made);
};

/** The promises of every kind. */
export const promises: Readonly<Record<string, Promised>> = {
  "shows what was asked for": shows,
  "needs nothing after a creation": emptyPlan,
  "gives every output that the kind declares": outputs,
  "lists what is there, whoever made it": lists,
  "makes one when it is created twice": once,
  "goes on with what an earlier attempt of the same owner made": goesOn,
  "recognises a creation that broke off": brokenOff,
  "can be removed twice, and is gone": removedTwice,
  "can be made again, with the same id": again,
  "says that it is gone when it shall be updated": gone,
  "refuses what it does not support, by name": refused,
  "takes values that are not known yet": unknown,
  "refuses what belongs to somebody else": foreign,
  "adopts by name, without a change": adopts("name"),
  "adopts by id, without a change": adopts("id"),
  "does not adopt what is not there": adoptsNothing,
  "takes a silent host for an error, never for an absence": silence,
};
