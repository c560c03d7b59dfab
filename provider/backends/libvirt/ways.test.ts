import { describe, expect, it } from "vitest";
import { parseUri, SCHEMES } from "./uri.js";
import { WAYS } from "./ways.js";

describe("the ways to a host that the documentation tells", () => {
  it.each(WAYS.map(({ uri }) => uri))("are understood: %s", (uri) => expect(parseUri(uri).path).not.toBe(""));

  it("are all that there are", () => {
    const told = new Set(WAYS.map(({ uri }) => uri.slice(0, uri.indexOf(":"))));
    expect([...told].sort()).toEqual([...SCHEMES].sort());
  });
});
