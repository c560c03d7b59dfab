import { expect, test } from "vitest";
import { isProviderError, ProviderError, placed, sentence, within } from "./errors.js";

test.each([
  [new ProviderError("failed", "it broke"), "Unable to use host: it broke."],
  [
    new ProviderError("denied", "the user may not start domains", {
      where: { verb: "create", kind: "vm", name: "web", host: "kvm1" },
      hint: "Add the user to the group.",
    }),
    'Unable to create vm "web" on kvm1: the user may not start domains. Add the user to the group.',
  ],
  [
    new ProviderError("invalid", "must be text", { where: { verb: "update", kind: "volume", property: "size" } }),
    "Unable to update volume: size: must be text.",
  ],
  [
    new ProviderError("bug", "nobody expected that"),
    "Unable to use host: nobody expected that. This is a bug in crossvisor: please report it.",
  ],
])("%s", (error, words) => expect(sentence(error)).toBe(words));

test("the innermost word for a place wins, and the rest is filled in on the way up", async () => {
  const cause = new Error("reset");
  const inner = new ProviderError("dropped", "lost", {
    where: { name: "inner", host: undefined },
    hint: "Wait.",
    cause,
  });
  const outer = within({ name: "outer", host: "h", verb: "read" }, () => Promise.reject(inner));
  const error = await outer.catch((e: unknown) => e);
  expect(error).toMatchObject({
    code: "dropped",
    fact: "lost",
    hint: "Wait.",
    cause,
    where: { name: "inner", host: "h", verb: "read" },
  });
});

test.each([
  ["an error", new TypeError("x is not a function"), "x is not a function"],
  ["text", "thrown", "thrown"],
])("%s of another kind is a bug, and its cause is kept", (_what, thrown, fact) => {
  expect(placed(thrown, { verb: "read" })).toMatchObject({ code: "bug", fact, cause: thrown, where: { verb: "read" } });
});

test("codes are told apart", () => {
  const error = new ProviderError("busy", "b");
  expect([isProviderError(error), isProviderError(error, "busy"), isProviderError(error, "timeout")]).toEqual([
    true,
    true,
    false,
  ]);
  expect(isProviderError(new Error("busy"), "busy")).toBe(false);
});
