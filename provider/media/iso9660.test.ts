import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type IsoFile, isoImage } from "./iso9660.js";

const has = (tool: string): boolean => spawnSync(tool, ["--version"], { stdio: "ignore" }).error === undefined;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const files: IsoFile[] = [
  { name: "user-data", content: bytes("#cloud-config\n") },
  { name: "meta-data", content: bytes("") },
  { name: "network-config", content: bytes("version: 2\n".repeat(1000)) },
  { name: "Vendor.Data.txt", content: new Uint8Array(2048).fill(7) },
  { name: "a-very-long-name-that-plain-readers-cannot-show-in-full-0123456", content: bytes("1") },
  { name: "a-very-long-name-that-plain-readers-cannot-show-in-full-0123457", content: bytes("2") },
];
/** Enough entries to fill more than one block of the folder. */
const many = Array.from({ length: 60 }, (_, n) => ({
  name: `part-${n}.with-a-rather-long-name`,
  content: bytes(`${n}`),
}));

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crossvisor-iso-"));
  writeFileSync(join(folder, "seed.iso"), isoImage("cidata", files));
  writeFileSync(join(folder, "many.iso"), isoImage("cidata", many));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = (tool: string, ...args: string[]): string => execFileSync(tool, args, { encoding: "utf8", stdio: "pipe" });

describe("the bytes", () => {
  test("depend on the arguments only, not on the order of the files", () => {
    expect(Buffer.from(isoImage("cidata", [...files].reverse())).equals(isoImage("cidata", files))).toBe(true);
    // A change of this sum is a change of every seed in the field: it must be meant.
    const sum = createHash("sha256").update(isoImage("cidata", files)).digest("hex");
    expect(sum).toBe("056dcc4e78da07c14484c753627d9b39303f3b90f75fa98dd092b64a116b2152");
  });

  test("fill whole blocks, also without a file", () => {
    expect(isoImage("cidata", files).length % 2048).toBe(0);
    expect(isoImage("cidata", []).length % 2048).toBe(0);
  });

  test.each([
    ["no-such/label", []],
    ["seventeen-letters", []],
    ["cidata", [{ name: "a/b", content: bytes("") }]],
    ["cidata", [{ name: "..", content: bytes("") }]],
    ["cidata", [{ name: "x".repeat(65), content: bytes("") }]],
    ["cidata", [files[0]!, { name: "USER-DATA", content: bytes("") }]],
  ])("refuse what not every reader can show: %s %j", (label, list) => {
    expect(() => isoImage(label, list)).toThrowError(expect.objectContaining({ code: "invalid" }));
  });
});

describe.skipIf(!has("isoinfo"))("isoinfo (skipped when genisoimage is not installed)", () => {
  const listed = (image: string, view: string): string[] =>
    run("isoinfo", view, "-f", "-i", join(folder, image)).trim().split("\n").sort();

  test("shows the exact names through Rock Ridge and through Joliet", () => {
    const wanted = files.map((file) => `/${file.name}`).sort();
    expect(listed("seed.iso", "-R")).toEqual(wanted);
    expect(listed("seed.iso", "-J")).toEqual(wanted);
    expect(listed("many.iso", "-R")).toEqual(many.map((file) => `/${file.name}`).sort());
    expect(listed("many.iso", "-J")).toEqual(many.map((file) => `/${file.name}`).sort());
  });

  test("shows a unique upper-case name to a plain reader", () => {
    expect(listed("seed.iso", "-d").join(), "description").toContain("Volume id: cidata");
    expect(listed("seed.iso", "-f")).toEqual([
      "/A_VERY_LONG_NAME_2.;1",
      "/A_VERY_LONG_NAME_THAT.;1",
      "/META_DATA.;1",
      "/NETWORK_CONFIG.;1",
      "/USER_DATA.;1",
      "/VENDOR_DATA.TXT;1",
    ]);
  });
});

describe.skipIf(!has("bsdtar"))("bsdtar (skipped when libarchive-tools is not installed)", () => {
  test.each(["!rockridge", "!joliet"])("reads every byte with %s", (option) => {
    for (const [image, list] of [["seed.iso", files] as const, ["many.iso", many] as const]) {
      const into = mkdtempSync(join(folder, "out-"));
      run("bsdtar", "--options", `iso9660:${option}`, "-xf", join(folder, image), "-C", into);
      expect(readdirSync(into).sort()).toEqual(list.map((file) => file.name).sort());
      for (const file of list) expect(readFileSync(join(into, file.name)).equals(file.content), file.name).toBe(true);
    }
  });
});

describe.skipIf(!has("blkid"))("blkid (skipped when util-linux's blkid is not on PATH)", () => {
  test("finds the label by which cloud-init finds the seed", () => {
    const told = run("blkid", "-p", "-o", "export", join(folder, "seed.iso"));
    expect(told).toContain("\nLABEL=cidata\n");
    expect(told).toContain("\nTYPE=iso9660\n");
  });
});
