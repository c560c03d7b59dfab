import { expect, test } from "vitest";
import type { Engine, OpenHost } from "../../../core/engine.js";
import { type Code, ProviderError } from "../../../core/errors.js";
import type { Kind } from "../../../core/kind.js";
import { survey } from "./survey.js";

const listed = { id: "1", name: "web", properties: {}, outputs: {} };
const all = new Map([["VirtualMachine" as const, [listed]]]);
const wanted = [{ kind: "VirtualMachine", id: "1", name: "web" }] as const;

/** A host with one machine that it cannot tell about. */
function hostThatFails(code: Code): OpenHost {
  const engine = {
    check: () => ({ inputs: {}, problems: [] }),
    observe: () => Promise.reject(new ProviderError(code, "nobody knows")),
  };
  return { engine: () => engine as unknown as Engine<Kind, unknown> } as unknown as OpenHost;
}

test.each(["failed", "hidden"] as const)(
  "what a host cannot tell of one object (%s) is left out and named",
  async (code) => {
    const { declared, leftOut } = await survey(hostThatFails(code), all, wanted);
    expect(declared).toEqual([]);
    expect(leftOut).toMatchObject([{ name: "web", why: "nobody knows" }]);
  },
);

test("a host that does not answer at all is an error", async () => {
  await expect(survey(hostThatFails("unreachable"), all, wanted)).rejects.toMatchObject({ code: "unreachable" });
});
