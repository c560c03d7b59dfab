import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type Contents,
  emptyQcow2,
  hasQemu,
  io,
  noise,
  problem,
  seed,
  sequence,
  sparseFile,
  writeVhdx,
} from "../../test/media/images.js";
import { isoImage } from "./iso9660.js";
import { openLocal } from "./source-file.js";
import { toVhdx, type VhdxOptions } from "./vhdx.js";
import { verifyVhdx } from "./vhdx-verify.js";

const KiB = 1024;
const MiB = 1024 * KiB;
const id = "0f1e2d3c-4b5a-4697-8877-665544332211";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crossvisor-vhdx-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sparse = (name: string, ...shape: readonly [number, Contents?]) => sparseFile(join(folder, name), ...shape);
const write = (source: string, options: Partial<VhdxOptions> = {}) =>
  writeVhdx(source, { id, ...options }, join(folder, "out.vhdx"));
async function verified(path: string) {
  const file = (await openLocal(path))!;
  return verifyVhdx(file).finally(() => file.close());
}

describe.skipIf(!hasQemu)("a converted image (skipped when qemu-img and qemu-io are not on PATH)", () => {
  const sameDisk = (format: string, source: string, path: string) => {
    expect(
      execFileSync("qemu-img", ["compare", "-f", format, "-F", "vhdx", source, path], { encoding: "utf8" }),
    ).toContain("identical");
    execFileSync("qemu-img", ["check", "-q", "-f", "vhdx", path]);
  };

  test.each([
    ["dynamic", 1],
    ["dynamic", 2],
    ["dynamic", 32],
    ["fixed", 1],
    ["fixed", 8],
  ] as const)(`%s, in blocks of %i MiB: QEMU reads what the source has (seed ${seed})`, async (type, megabytes) => {
    const random = sequence(seed + megabytes);
    for (const sort of ["raw", "qcow2"]) {
      // QEMU rounds the odd bytes of a raw image up to a sector.
      const length = 512 * (1 + random(40 * 2048)) + (sort === "raw" ? random(512) : 0);
      const runs = Array.from({ length: 6 }, () => {
        const bytes = noise(Math.min(length, 1 + random(200 * KiB)), random);
        return [random(length - bytes.length + 1), bytes] as const;
      });
      let source = sparse("source.raw", length, runs);
      if (sort === "qcow2") {
        execFileSync("qemu-img", ["convert", "-c", "-O", "qcow2", source, `${source}.qcow2`]);
        source = `${source}.qcow2`;
      }
      const { path, virtualSize, ...made } = await write(source, { type, blockSize: megabytes * MiB });
      sameDisk(sort, source, path);
      expect(virtualSize).toBe(Math.max(3, Math.ceil(length / MiB)) * MiB);
      expect(await verified(path)).toMatchObject({
        virtualSize,
        type,
        blockSize: megabytes * MiB,
        id,
        dirty: false,
        logicalSector: 512,
        physicalSector: 4096,
      });
      const touched = new Set(
        runs.flatMap(([at, { length }]) =>
          Array.from({ length: Math.ceil(length / MiB) + 1 }, (_, n) =>
            Math.floor(Math.min(at + n * MiB, at + length - 1) / (megabytes * MiB)),
          ),
        ),
      );
      const blocks = type === "fixed" ? Math.ceil(virtualSize / MiB / megabytes) : touched.size;
      expect(made.length).toBe(4 * MiB + blocks * megabytes * MiB);
    }
  });

  test("a source above 64 TiB is refused", async () => {
    const path = emptyQcow2(join(folder, "above.qcow2"), 2 ** 46 + 512, "cluster_size=2M");
    await expect(toVhdx(path, { id })).rejects.toEqual(problem("invalid", "source", /larger than a VHDX/));
  });

  test("a disk of 64 TiB has only its table and what it holds", async () => {
    const source = emptyQcow2(join(folder, "huge.qcow2"), "64T", "cluster_size=2M");
    io(source, ["write -P 3 40T 64k", "write -P 4 68719476672k 64k"]);
    const { path, length, virtualSize } = await write(source);
    expect(virtualSize).toBe(64 * 1024 ** 4);
    expect(length).toBe((3 + 17 + 2 * 32) * MiB);
    expect(await verified(path)).toMatchObject({ virtualSize, type: "dynamic" });
    const output = execFileSync(
      "qemu-io",
      [
        "-r",
        "-f",
        "vhdx",
        "-c",
        "read -P 3 40T 64k",
        "-c",
        "read -P 4 68719476672k 64k",
        "-c",
        "read -P 0 39T 1M",
        path,
      ],
      { encoding: "utf8" },
    );
    expect(output).not.toContain("failed");
  });

  test("a larger size adds zeros", async () => {
    const source = emptyQcow2(join(folder, "small.qcow2"), "5M");
    io(source, ["write -P 5 4M 1M"]);
    const size = 100 * MiB + 512;
    const { path, virtualSize } = await write(source, { size, blockSize: 4 * MiB });
    expect(virtualSize).toBe(size);
    sameDisk("qcow2", source, path);
    expect(await verified(path)).toMatchObject({ virtualSize: size });
  });

  test("a download is kept in a file that nobody sees, by a server without ranges", async () => {
    const source = emptyQcow2(join(folder, "served.qcow2"), "9M");
    io(source, ["write -P 6 1M 3M", "write -c -P 7 5M 64k"]);
    const server = createServer(({ url }, response) => {
      if (url === "/disk.qcow2") return response.end(readFileSync(source));
      // The rest never comes: it must not be waited for.
      response.write(Buffer.concat([isoImage("cidata", []), Buffer.alloc(MiB)]));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/disk.qcow2`;
    const kept = mkdtempSync(join(folder, "tmp-"));
    vi.stubEnv("TMPDIR", kept);
    try {
      const made = await toVhdx(address, { id });
      expect(readdirSync(kept)).toEqual([]);
      await made.close();
      const sum = execFileSync("sha256sum", [source], { encoding: "utf8" }).slice(0, 64);
      const { path } = await write(address, { sha256: sum });
      sameDisk("qcow2", source, path);
      await expect(toVhdx(address, { id, sha256: "0".repeat(64) })).rejects.toEqual(
        problem("invalid", "sha256", /the checksum/),
      );
      rmSync(kept, { recursive: true });
      await expect(toVhdx(address, { id })).rejects.toEqual(problem("failed", "source", /temporary file .*ENOENT/));
    } finally {
      vi.unstubAllEnvs();
      server.closeAllConnections();
      server.close();
    }
  });

  test.each([
    ["vhd", ["-f", "vpc"], /a VHD, the format before/],
    ["fixed vhd", ["-f", "vpc", "-o", "subformat=fixed"], /a VHD, the format before/],
    ["vmdk", ["-f", "vmdk"], /a VMDK/],
    ["vdi", ["-f", "vdi"], /a VDI/],
    ["qcow", ["-f", "qcow"], /qcow of version 1/],
  ])("a %s is refused by its name", async (name, options, fact) => {
    const path = join(folder, `${name}.img`);
    execFileSync("qemu-img", ["create", "-q", ...options, path, "8M"]);
    await expect(toVhdx(path, { id })).rejects.toEqual(problem("invalid", "source", fact));
  });

  test("a qcow2 with another checksum is refused before its first byte is sent", async () => {
    const path = emptyQcow2(join(folder, "sum.qcow2"), "8M");
    await expect(toVhdx(path, { id, sha256: "0".repeat(64) })).rejects.toEqual(
      problem("invalid", "sha256", /the checksum/),
    );
  });
});

describe.skipIf(!hasQemu)("a source that is a VHDX (skipped when qemu-img is not on PATH)", () => {
  const made = (...options: string[]): string => {
    const path = join(folder, "source.vhdx");
    execFileSync("qemu-img", ["create", "-q", "-f", "vhdx", ...options, path, "40M"]);
    return path;
  };

  test.each([
    [["-o", "block_size=1M"], "dynamic"],
    [["-o", "subformat=fixed,block_state_zero=off"], "fixed"],
  ] as const)("is sent as it is: %j", async (options, type) => {
    const source = made(...options);
    execFileSync("qemu-io", ["-t", "unsafe", "-f", "vhdx", "-c", "write -P 8 3M 5M", source]);
    const before = readFileSync(source);
    const { path, converted, virtualSize } = await write(source, { size: 50 * MiB });
    expect({ converted, virtualSize }).toEqual({ converted: false, virtualSize: 40 * MiB });
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(await verified(path)).toMatchObject({ type, virtualSize: 40 * MiB });
    await expect(toVhdx(source, { id, size: 39 * MiB })).rejects.toEqual(
      problem("invalid", "size", /smaller than the source/),
    );
  });

  test("is refused when it was cut off", async () => {
    const source = made("-o", "subformat=fixed,block_state_zero=off");
    for (const length of [40 * MiB, 2 * MiB, 100 * KiB]) {
      truncateSync(source, length);
      await expect(toVhdx(source, { id })).rejects.toEqual(problem("invalid", "source", /the file ends before/));
    }
  });
});

describe("a conversion", () => {
  const source = () => sparse("plain.raw", 40 * MiB, [[33 * MiB, noise(100 * KiB, sequence(2))]]);

  test("gives the same bytes for the same identity, and others for another", async () => {
    const read = async (options: Partial<VhdxOptions>) => readFileSync((await write(source(), options)).path);
    const first = await read({ blockSize: MiB });
    // Block 0 is not there: its contents are zeros (2), not undefined (0).
    expect(first.readBigUInt64LE(3 * MiB)).toBe(2n);
    expect((await read({ blockSize: MiB, id: id.toUpperCase() })).equals(first)).toBe(true);
    const other = await read({ blockSize: MiB, id: id.replace("0", "1") });
    expect(other.length).toBe(first.length);
    expect(other.subarray(0, MiB).equals(first.subarray(0, MiB))).toBe(false);
    expect(other.subarray(3 * MiB).equals(first.subarray(3 * MiB))).toBe(true);
  });

  test("holds four pieces of data at a time, however large the source", async () => {
    const random = sequence(3);
    const piece = noise(64 * KiB, random);
    const large = sparse(
      "large.raw",
      200 * MiB,
      Array.from({ length: 200 }, (_, n) => [n * MiB, piece] as const),
    );
    const made = await toVhdx(large, { id });
    const memory = new Set<ArrayBufferLike>();
    let data = 0;
    for await (const chunk of made.chunks()) {
      if (!(chunk instanceof Uint8Array) || !Buffer.from(chunk).equals(piece)) continue;
      memory.add(chunk.buffer);
      data++;
    }
    await made.close();
    expect(data).toBe(200);
    expect(memory.size).toBe(4);
  });

  test("is read once, and may be left early", async () => {
    const made = await toVhdx(source(), { id });
    for await (const _ of made.chunks()) break;
    expect(() => made.chunks()).toThrowError(expect.objectContaining({ code: "bug" }));
    await made.close();
  });

  test("ends by its signal, before and while it is sent", async () => {
    await expect(toVhdx(source(), { id, signal: AbortSignal.abort("stop") })).rejects.toMatchObject({
      code: "failed",
      cause: "stop",
    });
    const control = new AbortController();
    const made = await toVhdx(source(), { id, signal: control.signal });
    const chunks = made.chunks()[Symbol.asyncIterator]();
    expect((await chunks.next()).done).toBe(false);
    control.abort("stop");
    await expect(chunks.next()).rejects.toMatchObject({ code: "failed", cause: "stop" });
    await made.close();
  });

  test("of a source that changes meanwhile throws instead of ending", async () => {
    const path = source();
    const made = await toVhdx(path, { id });
    appendFileSync(path, "more");
    const reading = async () => {
      for await (const _ of made.chunks());
    };
    await expect(reading()).rejects.toEqual(problem("invalid", "source", /changed while/));
    await made.close();
  });

  test.each([
    ["a block size of 3 MiB", { blockSize: 3 * MiB }, "blockSize", /no blocks of/],
    ["a block size of 512 MiB", { blockSize: 512 * MiB }, "blockSize", /no blocks of/],
    ["a size below that of the source", { size: 39 * MiB }, "size", /smaller than the source/],
    ["a size of half a sector", { size: 41 * MiB + 256 }, "size", /cannot have/],
    ["a size above 64 TiB", { size: 2 ** 46 + MiB }, "size", /cannot have/],
    ["another checksum", { sha256: "0".repeat(64) }, "sha256", /the checksum/],
  ] as const)("with %s is refused", async (_, options, property, fact) => {
    await expect(toVhdx(source(), { id, ...options })).rejects.toEqual(problem("invalid", property, fact));
  });

  test.each([
    ["an ISO image", isoImage("cidata", []), /that of a CD/],
    ["what is packed", gzipSync("some disk"), /compressed \(gzip\)/],
    ["nothing", new Uint8Array(), /is empty/],
  ])("of %s is refused", async (_, bytes, fact) => {
    const path = join(folder, "given");
    writeFileSync(path, bytes);
    await expect(toVhdx(path, { id })).rejects.toEqual(problem("invalid", "source", fact));
    await expect(toVhdx(join(folder, "none"), { id })).rejects.toEqual(problem("invalid", "source", /nothing at/));
  });
});
