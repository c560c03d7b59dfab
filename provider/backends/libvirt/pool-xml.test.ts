import { describe, expect, it } from "vitest";
import { plainPath, readPool, writePool } from "./pool-xml.js";

const uuid = "6f1b0e7c-5d8e-5f0a-a2f3-9c1d7be84c55";

describe("the description of a pool", () => {
  it("is written without permissions and read back", () => {
    const xml = writePool({ name: "a & b", uuid, type: "dir", path: "/srv/a & b" });
    expect(xml).not.toContain("permissions");
    expect(readPool(xml)).toEqual({
      name: "a & b",
      uuid,
      type: "dir",
      path: "/srv/a & b",
      source: undefined,
      capacity: 0,
      available: 0,
    });
  });

  it("tells sizes in bytes and has no path where the type has none", () => {
    const xml = `<pool type='rbd'><name>r</name><uuid>${uuid}</uuid><capacity unit='KiB'>4</capacity>
      <available unit='bytes'>7</available><source><name>x</name></source></pool>`;
    expect(readPool(xml)).toMatchObject({ type: "rbd", path: undefined, capacity: 4096, available: 7 });
  });

  it("names a volume group and its devices, and reads them back", () => {
    const source = { name: "vg0", devices: ["/dev/sdb", "/dev/sdc"] };
    const xml = writePool({ name: "fast", uuid, type: "logical", source });
    expect(readPool(xml)).toMatchObject({ type: "logical", path: "/dev/vg0", source });
    expect(readPool(writePool({ name: "fast", uuid, type: "logical" }))).toMatchObject({
      path: "/dev/fast",
      source: { name: "fast" },
    });
  });

  it("names what a file server offers and how it is mounted, and reads it back", () => {
    const source = { host: "nas", path: "/srv/images", format: "nfs", options: ["nfsvers=4.2", "noatime"] } as const;
    const xml = writePool({ name: "n", uuid, type: "netfs", path: "/mnt/n", source });
    expect(xml).toContain('<fs:option name="nfsvers=4.2"/>');
    expect(readPool(xml)).toMatchObject({ type: "netfs", path: "/mnt/n", source });
  });

  it.each([
    ["/a//b/", "/a/b"],
    ["/a/b", "/a/b"],
    ["//", "/"],
    ["/", "/"],
  ])("has %s as %s", (written, kept) => expect(plainPath(written)).toBe(kept));
});
