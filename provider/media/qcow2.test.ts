import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as zlib from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bytesByQemu, emptyQcow2, hasQemu, io, problem, seed, sequence } from "../../test/media/images.js";
import type { Disk } from "./disk.js";
import { qcow2Disk } from "./qcow2.js";
import { openLocal } from "./source-file.js";

const KiB = 1024;
const MiB = 1024 * KiB;
/** Node.js has it from 22.15 on. */
const hasZstd = typeof zlib.zstdDecompress === "function";

/** How much is tried. */
const rounds = Number(process.env["CROSSVISOR_TEST_ROUNDS"] ?? 2);

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crossvisor-qcow2-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function withDisk<T>(path: string, use: (disk: Disk) => Promise<T>): Promise<T> {
  const file = (await openLocal(path))!;
  try {
    const head = Buffer.alloc(64 * KiB);
    return await use(await qcow2Disk(file, head.subarray(0, await file.read(head, 0))));
  } finally {
    await file.close();
  }
}

async function bytesOf(disk: Disk, from = 0, to = disk.size): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of disk.read(from, to))
    parts.push(chunk instanceof Uint8Array ? Uint8Array.from(chunk) : Buffer.alloc(chunk.hole));
  return Buffer.concat(parts);
}

/** An image of that cluster size which QEMU wrote by random commands. */
function randomImage(path: string, bits: number, random: (limit: number) => number): string {
  const cluster = 2 ** bits;
  const room = Math.min(Math.max(cluster * 40, 64 * KiB), 24 * MiB);
  const size = (1 + random(room / 512)) * 512;
  const old = random(4) === 0;
  const extended = !old && bits >= 14 && random(2) === 0;
  const options = [
    `cluster_size=${cluster}`,
    `compat=${old ? "0.10" : "1.1"}`,
    `extended_l2=${extended ? "on" : "off"}`,
  ];
  if (!old) options.push(`compression_type=${random(2) === 0 && hasZstd ? "zstd" : "zlib"}`);
  emptyQcow2(path, size, ...options);

  const noise = join(folder, "noise");
  writeFileSync(
    noise,
    Uint8Array.from({ length: 70_000 }, () => random(256)),
  );
  const content = () => (random(2) === 0 ? `-s ${noise}` : `-P ${random(256)}`);
  // A compressed write is a whole cluster, or all that is left of the disk, and QEMU writes it where nothing is yet.
  const starts = new Set(Array.from({ length: 5 }, () => cluster * random(Math.ceil(size / cluster))));
  const packed = [...starts].map((at) => `write -c ${content()} ${at} ${Math.min(cluster, size - at)}`);
  const plain = Array.from({ length: 8 }, () => {
    const at = random(size / 512) * 512;
    const length = Math.min(size - at, (1 + random(Math.min(3 * cluster, 2 * MiB) / 512)) * 512);
    const way = random(5);
    if (way === 0 && !old) return `write -z ${at} ${length}`;
    return way === 1 ? `discard ${at} ${length}` : `write ${content()} ${at} ${length}`;
  });
  io(path, [...packed, ...plain]);
  return path;
}

describe.skipIf(!hasQemu)("qcow2 images written by QEMU (skipped when qemu-img and qemu-io are not on PATH)", () => {
  test.each(Array.from({ length: 13 }, (_, i) => 9 + i))(
    `clusters of 2^%i bytes read as QEMU reads them (seed ${seed})`,
    async (bits) => {
      const random = sequence(seed + bits);
      for (let round = 0; round < rounds; round++) {
        const path = randomImage(join(folder, `${bits}.qcow2`), bits, random);
        const wanted = bytesByQemu(path);
        await withDisk(path, async (disk) => {
          expect(disk.size).toBe(wanted.length);
          expect((await bytesOf(disk)).equals(wanted)).toBe(true);
          const from = random(disk.size);
          const to = from + random(disk.size - from);
          expect((await bytesOf(disk, from, to)).equals(wanted.subarray(from, to))).toBe(true);
          // Outside of its parts are zeros only.
          for await (const { offset, length } of disk.parts()) wanted.fill(0, offset, offset + length);
          expect(wanted.some((byte) => byte !== 0)).toBe(false);
        });
      }
    },
  );

  test("the present state is read, not a snapshot in the image", async () => {
    const path = emptyQcow2(join(folder, "snapshot.qcow2"), "1M");
    io(path, ["write -P 1 0 128k"]);
    execFileSync("qemu-img", ["snapshot", "-c", "before", path]);
    io(path, ["write -P 2 64k 128k"]);
    await withDisk(path, async (disk) => expect((await bytesOf(disk)).equals(bytesByQemu(path))).toBe(true));
  });

  test("a file that ends within its last cluster has zeros there", async () => {
    const path = emptyQcow2(join(folder, "short.qcow2"), "5M");
    io(path, ["write -P 9 0 5M"]);
    truncateSync(path, statSync(path).size - 4 * KiB);
    const wanted = bytesByQemu(path);
    expect(wanted.subarray(-4 * KiB).some((byte) => byte !== 0)).toBe(false);
    await withDisk(path, async (disk) => expect((await bytesOf(disk)).equals(wanted)).toBe(true));
  });

  test("an empty disk of 64 TiB is told in no time, in holes of at most 256 MiB", async () => {
    const path = emptyQcow2(join(folder, "huge.qcow2"), "64T", "cluster_size=2M");
    io(path, ["write -P 3 40T 64k"]);
    await withDisk(path, async (disk) => {
      const parts = [];
      for await (const part of disk.parts()) parts.push(part);
      expect(parts).toEqual([{ offset: 40 * 1024 * 1024 * MiB, length: 2 * MiB }]);
      const holes = [];
      for await (const chunk of disk.read(0, 600 * MiB)) holes.push(chunk);
      expect(holes).toEqual([256, 256, 88].map((m) => ({ hole: m * MiB })));
    });
  });

  const opened = (path: string) =>
    withDisk(path, async (disk) =>
      createHash("md5")
        .update(await bytesOf(disk))
        .digest("hex"),
    );

  test("what needs another file is refused", async () => {
    const base = emptyQcow2(join(folder, "base.qcow2"), "1M");
    const over = join(folder, "over.qcow2");
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", over]);
    await expect(opened(over)).rejects.toEqual(problem("invalid", "source", /difference to another file/));
    const outside = emptyQcow2(join(folder, "outside.qcow2"), "1M", `data_file=${join(folder, "data.raw")}`);
    await expect(opened(outside)).rejects.toEqual(problem("invalid", "source", /data in another file/));
  });

  test.each([
    ["dirty", 79, 1, "invalid", /not closed properly/],
    ["corrupt", 79, 2, "invalid", /marked as damaged/],
    ["of an unknown feature", 78, 1, "unsupported", /features that are not known/],
    ["encrypted", 35, 2, "invalid", /encrypted/],
    ["of an unknown compression", 104, 9, "unsupported", /compressed in a way/],
    ["with too few tables", 39, 0, "invalid", /does not fit its size/],
    ["with a table beyond its end", 44, 1, "invalid", /ends before what/],
  ])("an image that is %s is refused", async (_, at, value, code, fact) => {
    const path = emptyQcow2(join(folder, "crafted.qcow2"), "1M", "compression_type=zstd");
    const bytes = readFileSync(path);
    bytes[at] = value;
    writeFileSync(path, bytes);
    await expect(opened(path)).rejects.toEqual(problem(code, "source", fact));
  });

  test("an image that was cut off, or whose tables are wrong, is refused instead of read as zeros", async () => {
    const path = emptyQcow2(join(folder, "cut.qcow2"), "1M");
    io(path, ["write -P 1 0 512k"]);
    const whole = readFileSync(path);
    const table = Number(whole.readBigUInt64BE(Number(whole.readBigUInt64BE(40))) & 0xfffffffffffe00n);
    for (const change of [
      () => truncateSync(path, 512 * KiB),
      () => writeFileSync(path, Buffer.from(whole).fill(2, table + 6, table + 7)),
      () => writeFileSync(path, Buffer.from(whole).fill(0x7f, table, table + 1)),
      () => writeFileSync(path, Buffer.from(whole).fill(0x7f, table, table + 2)),
      () => writeFileSync(path, Buffer.from(whole).fill(0x30, table + 3, table + 4)),
    ]) {
      writeFileSync(path, whole);
      expect(await opened(path)).toBe(createHash("md5").update(bytesByQemu(path)).digest("hex"));
      change();
      await expect(opened(path)).rejects.toEqual(problem("invalid", "source", /qcow2 header is not valid/));
    }
  });
});

test.skipIf(!hasQemu)(
  `whatever is changed in a header or a table, it is read or refused (seed ${seed}) (skipped when qemu-img is not on PATH)`,
  async () => {
    const path = emptyQcow2(join(folder, "spoiled.qcow2"), "200k", "cluster_size=4k,extended_l2=off");
    io(path, ["write -c -P 1 4k 4k", "write -P 2 64k 64k", "write -z 100k 8k"]);
    const whole = readFileSync(path);
    const random = sequence(seed);
    const ends = { read: 0, refused: 0 };
    for (let round = 0; round < 100 * rounds; round++) {
      const bytes = Buffer.from(whole);
      // Behind magic and version, and where something is: a change of zeros in the middle of nowhere is no try.
      for (let changed = 0; changed < 1 + random(2); ) {
        const at = 8 + random(random(2) === 0 ? 104 : bytes.length - 8);
        if (at >= 112 && bytes[at] === 0) continue;
        bytes[at] = random(256);
        changed++;
      }
      const read = async (into: Uint8Array, at: number) => {
        expect(Number.isSafeInteger(at)).toBe(true);
        const part = bytes.subarray(at, at + into.length);
        into.set(part);
        return part.length;
      };
      const file = {
        name: "spoiled",
        identity: {},
        length: bytes.length,
        read,
        unchanged: async () => {},
        close: async () => {},
      };
      try {
        const disk = await qcow2Disk(file, bytes.subarray(0, 64 * KiB));
        await bytesOf(disk, 0, Math.min(disk.size, MiB));
        ends.read++;
      } catch (error) {
        expect(error, String(error)).toMatchObject({
          name: "ProviderError",
          code: expect.stringMatching(/^(invalid|unsupported)$/),
        });
        ends.refused++;
      }
    }
    expect(ends.read).toBeGreaterThan(20);
    expect(ends.refused).toBeGreaterThan(20);
  },
);

test("zstd is refused by its name where Node.js has none", async () => {
  vi.resetModules();
  vi.doMock("node:zlib", () => ({ ...zlib, zstdDecompress: undefined }));
  try {
    const { unpack } = await import("./qcow2-unpack.js");
    await expect(unpack("zstd", Buffer.alloc(64), 512)).rejects.toMatchObject({
      code: "unsupported",
      fact: expect.stringMatching(/zstd/),
      hint: expect.stringMatching(/22\.15/),
    });
  } finally {
    vi.doUnmock("node:zlib");
  }
});
