import { describe, expect, it } from "vitest";
import { plainPath, readPool, writePool } from "./pool-xml.js";

const uuid = "6f1b0e7c-5d8e-5f0a-a2f3-9c1d7be84c55";

describe("the description of a pool", () => {
  it("is written without permissions and read back", () => {
    const xml = writePool({ name: "a & b", uuid, path: "/srv/a & b" });
    expect(xml).not.toContain("permissions");
    expect(readPool(xml)).toEqual({ name: "a & b", uuid, type: "dir", path: "/srv/a & b", capacity: 0, available: 0 });
  });

  it("tells sizes in bytes and has no path where the type has none", () => {
    const xml = `<pool type='rbd'><name>r</name><uuid>${uuid}</uuid><capacity unit='KiB'>4</capacity>
      <available unit='bytes'>7</available><source><name>x</name></source></pool>`;
    expect(readPool(xml)).toMatchObject({ type: "rbd", path: undefined, capacity: 4096, available: 7 });
  });

  it.each([
    ["/a//b/", "/a/b"],
    ["/a/b", "/a/b"],
    ["//", "/"],
    ["/", "/"],
  ])("has %s as %s", (written, kept) => expect(plainPath(written)).toBe(kept));
});
