import { describe, expect, it } from "vitest";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import { propertiesAt } from "./paths.js";
import { tables } from "./tables.js";
import { rowsOf, untried } from "./verdict.js";

const all = Object.keys(kinds) as KindName[];

describe("the matrix's tables", () => {
  it.each(all)("try every place of %s", (kind) => expect(untried(tables[kind])).toEqual([]));

  it.each(all)("change something of %s, unless the place says how to act or stays when it is taken out", (kind) => {
    const idle = rowsOf(tables[kind]).filter((row) => row.effect === "none");
    const left = idle.filter(({ at, step }) => {
      const way = propertiesAt(kinds[kind].properties, at.split(" ")[0] ?? at);
      return !way.some((p) => p.policy) && !(step === "removed" && way.some((p) => p.keep));
    });
    expect(left.map(({ at, step, state }) => `${at} ${step} ${state}`)).toEqual([]);
  });
});
