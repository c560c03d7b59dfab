import { describe, expect, it } from "vitest";
import { markOf } from "./mark.js";
import { idOf, refOf } from "./volume-lookup.js";

describe("the id of a volume", () => {
  it("leads back to it", () => {
    const ref = refOf("pool/disk.qcow2");
    expect(ref).toEqual({ pool: "pool", name: "disk.qcow2", key: "" });
    expect(idOf(ref)).toBe("pool/disk.qcow2");
  });

  it.each(["", "disk", "/disk", "pool/"])("is never %j", (id) => expect(() => refOf(id)).toThrow(/is not the id/));
});

describe("the mark of a volume", () => {
  it("is the same for the same owner and path, and another for any other", () => {
    const mark = markOf("a/b", "/p/v");
    expect(mark).toEqual(markOf("a/b", "/p/v"));
    expect(mark.usageID).toBe("/p/v");
    for (const other of [markOf("a/c", "/p/v"), markOf("a/b", "/p/w")]) expect(other.uuid).not.toBe(mark.uuid);
  });
});
