import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noise, problem, sequence, sparseFile, writeVhdx } from "../../test/media/images.js";
import { toVhdx } from "./vhdx.js";
import { Block, checksumOf, guidBytes, HAS_PARENT, ITEMS } from "./vhdx-format.js";
import { verifyVhdx } from "./vhdx-verify.js";

const KiB = 1024;
const MiB = 1024 * KiB;
const id = "0f1e2d3c-4b5a-4697-8877-665544332211";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crossvisor-vhdx-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A VHDX of one block of data in two, to be spoiled. */
async function sample(): Promise<Buffer> {
  const source = sparseFile(join(folder, "sample.raw"), 8 * MiB, [[5 * MiB, noise(70_000, sequence(1))]]);
  const path = join(folder, "sample.vhdx");
  await writeVhdx(source, { id, blockSize: 4 * MiB }, path);
  return readFileSync(path);
}
const HEADER = 64 * KiB;
const REGION = 192 * KiB;
const META = 2 * MiB;
const BAT = 3 * MiB;

const flip =
  (...places: readonly number[]) =>
  (bytes: Buffer) => {
    for (const at of places) bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  };

describe("the check of a VHDX", () => {
  const verify = (bytes: Buffer) =>
    verifyVhdx({
      length: bytes.length,
      read: async (into, at) => bytes.copy(into, 0, at, at + into.length),
    });

  test("one valid header and one valid region table are enough", async () => {
    const bytes = await sample();
    bytes.fill(0, HEADER, HEADER + 4096);
    bytes.fill(0, REGION, REGION + 64 * KiB);
    expect(await verify(bytes)).toMatchObject({ virtualSize: 8 * MiB, dirty: false, id });
  });

  test.each([
    ["no signature", (b: Buffer) => b.fill(0, 0, 8), /does not start like one/],
    ["headers with wrong checksums", flip(HEADER + 16, 2 * HEADER + 16), /no valid header/],
    ["region tables with wrong checksums", flip(REGION + 20, REGION + 64 * KiB + 20), /no valid region table/],
    ["no metadata table", (b: Buffer) => b.fill(0, META, META + 8), /no metadata table/],
    ["a required item that is unknown", flip(META + 32), /metadata that is unknown/],
    ["a block size that is none", (b: Buffer) => b.writeUInt32LE(3 * MiB, META + HEADER), /block size/],
    [
      "a size beyond its table",
      (b: Buffer) => b.writeBigUInt64LE(1n << 42n, META + HEADER + 8),
      /table of blocks is too short/,
    ],
    ["a size of half a sector", (b: Buffer) => b.writeUInt32LE(8 * MiB + 256, META + HEADER + 8), /virtual size/],
    ["sectors of 1 KiB", (b: Buffer) => b.writeUInt32LE(1024, META + HEADER + 32), /sectors/],
    ["reserved bits in its table", (b: Buffer) => b.writeUInt32LE(4 * MiB + 6 + 8, BAT + 8), /bits that mean nothing/],
    ["a state that is unknown", (b: Buffer) => b.writeUInt32LE(5, BAT), /state that is unknown/],
    [
      "a block that is partly there, without a parent",
      (b: Buffer) => b.writeUInt32LE(4 * MiB + 7, BAT + 8),
      /state that is unknown/,
    ],
    ["a block over its table", (b: Buffer) => b.writeUInt32LE(3 * MiB + 6, BAT + 8), /over something else/],
    ["two blocks in one place", (b: Buffer) => b.writeUInt32LE(4 * MiB + 6, BAT), /over something else/],
    ["a block beyond its end", (b: Buffer) => b.writeUInt32LE(5 * MiB + 6, BAT + 8), /file ends before/],
  ])("finds %s", async (_, spoil, fact) => {
    const bytes = await sample();
    expect(await verify(bytes)).toMatchObject({ virtualSize: 8 * MiB });
    spoil(bytes);
    await expect(verify(bytes)).rejects.toEqual(problem("invalid", "source", fact));
  });

  test("tells a log that has to be replayed, and toVhdx refuses it", async () => {
    const bytes = await sample();
    for (const at of [HEADER, 2 * HEADER]) {
      bytes.write("log", at + 48);
      bytes.writeUInt32LE(checksumOf(bytes.subarray(at, at + 4096)), at + 4);
    }
    expect(await verify(bytes)).toMatchObject({ dirty: true });
    // The second header counts no more when it was cut off, whatever it says.
    bytes.fill(0, 2 * HEADER + 48, 2 * HEADER + 64);
    const path = join(folder, "dirty.vhdx");
    writeFileSync(path, bytes);
    await expect(toVhdx(path, { id })).rejects.toEqual(problem("invalid", "source", /not closed properly/));
  });

  test("tells the parent of a difference, and toVhdx refuses it", async () => {
    const bytes = await sample();
    const item = META + HEADER;
    bytes.writeUInt32LE(HAS_PARENT, item + 4);
    await expect(verify(bytes)).rejects.toEqual(problem("invalid", "source", /metadata is incomplete/));

    const pairs = [
      ["parent_linkage", "{0F1E2D3C-4B5A-4697-8877-665544332211}"],
      ["relative_path", ".\\base.vhdx"],
      ["absolute_win32_path", "C:\\Disks\\base.vhdx"],
    ] as const;
    const locator = Buffer.alloc(1024);
    locator.set(guidBytes("b04aefb7-d19e-4a81-b789-25b8e9445913"));
    locator.writeUInt16LE(pairs.length, 18);
    let text = 20 + pairs.length * 12;
    for (const [n, words] of pairs.entries()) {
      for (const [part, word] of words.entries()) {
        locator.writeUInt32LE(text, 20 + n * 12 + part * 4);
        locator.writeUInt16LE(word.length * 2, 20 + n * 12 + 8 + part * 2);
        text += locator.write(word, text, "utf16le");
      }
    }
    bytes.set(locator, item + 4096);
    bytes.writeUInt16LE(6, META + 10);
    const entry = META + 32 + 5 * 32;
    bytes.set(guidBytes(ITEMS.parentLocator), entry);
    bytes.writeUInt32LE(HEADER + 4096, entry + 16);
    bytes.writeUInt32LE(locator.length, entry + 20);
    bytes.writeUInt32LE(4, entry + 24);
    bytes.writeUInt32LE(4 * MiB + Block.partly, BAT + 8);
    expect(await verify(bytes)).toMatchObject({
      type: "differencing",
      parent: { contentId: id, relative: ".\\base.vhdx", volume: undefined, absolute: "C:\\Disks\\base.vhdx" },
    });
    const path = join(folder, "difference.avhdx");
    writeFileSync(path, bytes);
    await expect(toVhdx(path, { id })).rejects.toEqual(problem("invalid", "source", /difference to another file/));
  });
});
