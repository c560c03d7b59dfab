import { describe, expect, it } from "vitest";
import { blockProblems, blockRoom, isRounded } from "./volume-block.js";
import { readVolume, writeVolume } from "./volume-xml.js";

const MiB = 2 ** 20;
/** As measured: a group of 49 extents of 4 MiB. */
const group = { capacity: 196 * MiB, available: 160 * MiB };
const pool = {
  ...group,
  type: "logical",
  name: "vg0",
  uuid: "",
  path: "/dev/vg0",
  source: undefined,
  ref: { name: "vg0", uuid: "" },
};

describe("a logical volume", () => {
  it.each([
    [5_000_000, 8 * MiB, true],
    [8 * MiB, 8 * MiB, true],
    [4 * MiB, 8 * MiB, false],
    [8 * MiB + 512, 8 * MiB, false],
    [20 * MiB, 28 * MiB, false],
  ])("of %i bytes that has %i is what was asked for: %s", (wanted, actual, expected) => {
    expect(isRounded(wanted, actual, group)).toBe(expected);
  });

  it("is allocated whole, without a format", () => {
    const xml = writeVolume({ name: "v", format: "raw", capacity: 8 * MiB, block: true });
    expect(xml).not.toContain("format");
    expect(readVolume(xml)).toMatchObject({ capacity: 8 * MiB, allocation: 8 * MiB, format: "raw" });
    const made = readVolume("<volume type='block'><name>v</name><target><path>/dev/vg0/v</path></target></volume>");
    expect(made).toMatchObject({ block: true, format: "raw", path: "/dev/vg0/v" });
  });

  it.each([
    [{ name: "a b" }, "name"],
    [{ name: "-a" }, "name"],
    [{ name: "snapshot1" }, "name"],
    [{ name: "x_tmeta" }, "name"],
    [{ name: "a", format: "qcow2" }, "format"],
    [{ name: "a", format: "qcow2", base: "/x" }, "base"],
    [{ provisioning: "thin" }, "provisioning"],
    [{ name: "a.raw", format: "raw", provisioning: "thick" }, undefined],
    [{}, undefined],
  ] as const)("is refused as %j for its %s", (wanted, path) => {
    expect(blockProblems(pool, wanted).map((p) => p.path)).toEqual(path === undefined ? [] : [path]);
    expect(blockProblems({ ...pool, type: "dir" }, wanted)).toEqual([]);
  });

  it("needs all of its room, and that of the upload beside it", () => {
    expect(blockRoom(pool, 160 * MiB, undefined)).toEqual([]);
    expect(blockRoom(pool, 161 * MiB, undefined)).toMatchObject([{ path: "size" }]);
    expect(blockRoom(pool, undefined, 80 * MiB)).toEqual([]);
    expect(blockRoom(pool, 100 * MiB, 80 * MiB)).toMatchObject([{ path: "source" }]);
  });
});
