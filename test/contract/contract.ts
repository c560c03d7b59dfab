import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { Terms } from "./fixture.js";
import { guards } from "./guards.js";
import { changes, unwalked } from "./in-place.js";
import { type Promised, promises } from "./promises.js";
import { Stand } from "./stand.js";
import { keepsStrings } from "./strings.js";

const names = Object.keys(kinds) as KindName[];

const promisesOf = (kind: KindName): Readonly<Record<string, Promised>> => ({
  ...promises,
  "keeps strings of any characters, or refuses them by name": keepsStrings,
  ...changes(kind),
  ...guards[kind],
});

/** All that a backend promises, for every kind: one test for each promise. */
export function contract(name: string, { open, deviations = {} }: Terms): void {
  describe(`contract of ${name}`, () => {
    let stand: Stand;
    beforeAll(async () => {
      stand = new Stand(await open());
    });
    afterAll(() => stand?.close());
    afterEach(() => stand.clear());

    test("deviations name promises, with a reason", () => {
      const known = names.flatMap((kind) => Object.keys(promisesOf(kind)).map((title) => `${kind} > ${title}`));
      for (const [title, reason] of Object.entries(deviations)) {
        expect(known, "a deviation from no promise").toContain(title);
        expect(reason.length, title).toBeGreaterThan(10);
      }
    });

    for (const kind of names)
      describe(kind, () => {
        test("every property that changes in place is walked", () => expect(unwalked(kind)).toEqual([]));
        for (const [title, promised] of Object.entries(promisesOf(kind))) {
          const reason = deviations[`${kind} > ${title}`];
          if (reason === undefined) test(title, () => promised(stand, kind));
          else test.skip(`${title} (deviation: ${reason})`, () => undefined);
        }
      });
  });
}
