import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IMAGE_HEAD, type Image, imageProblem, inspectImage } from "./image.js";
import { isoImage } from "./iso9660.js";

const MiB = 1024 * 1024;
const hasQemu = spawnSync("qemu-img", ["--version"], { stdio: "ignore" }).status === 0;

describe.skipIf(!hasQemu)("images made by qemu-img (skipped when it is not on PATH)", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "crossvisor-image-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const part = (file: string, from: number, length: number): Buffer => {
    const handle = openSync(file, "r");
    const bytes = Buffer.alloc(length);
    const read = readSync(handle, bytes, 0, length, from);
    closeSync(handle);
    return bytes.subarray(0, read);
  };
  const made = (name: string, ...options: string[]): string => {
    const file = join(folder, name);
    execFileSync("qemu-img", ["create", "-q", ...options.map((o) => o.replace("FILE", file)), file, "100M"]);
    return file;
  };
  /** As a caller does it: more bytes while more are wanted. */
  const inspect = (file: string, withTail = false): Image => {
    const tail = withTail ? part(file, statSync(file).size - 512, 512) : undefined;
    let image = inspectImage(part(file, 0, IMAGE_HEAD), tail);
    for (let step = 0; image.needs !== undefined && step < 3; step++) image = inspectImage(part(file, 0, image.needs));
    return image;
  };
  const sound = { externalData: false, encrypted: false, snapshots: 0, dirty: false, corrupt: false };

  test("qcow2 versions 2 and 3", () => {
    expect(inspect(made("2.qcow2", "-f", "qcow2", "-o", "compat=0.10"))).toEqual({
      format: "qcow2",
      version: 2,
      virtualSize: 100 * MiB,
      ...sound,
    });
    const three = inspect(made("3.qcow2", "-f", "qcow2"));
    expect(three).toEqual({ format: "qcow2", version: 3, virtualSize: 100 * MiB, ...sound });
    expect(imageProblem(three)).toBeUndefined();
    expect(inspect(made("1.qcow", "-f", "qcow"))).toEqual({ format: "qcow", version: 1, virtualSize: 100 * MiB });
  });

  test("a qcow2 that reaches for a file of the host", () => {
    const image = inspect(made("evil.qcow2", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw"));
    expect(image.backingFile).toBe("/etc/passwd");
    expect(imageProblem(image)?.fact).toMatch(/difference to another file/);
    const data = inspect(made("data.qcow2", "-f", "qcow2", "-o", "data_file=FILE.raw"));
    expect(data.externalData).toBe(true);
    expect(imageProblem(data)?.fact).toMatch(/another file/);
  });

  test("a qcow2 that is marked as dirty, corrupt or encrypted, or holds snapshots", () => {
    const head = part(made("bits.qcow2", "-f", "qcow2"), 0, IMAGE_HEAD);
    head.writeUInt32BE(3, 60);
    expect(inspectImage(head).snapshots).toBe(3);
    head[79] = 1;
    expect(inspectImage(head)).toMatchObject({ dirty: true, corrupt: false });
    head[79] = 2;
    expect(inspectImage(head)).toMatchObject({ dirty: false, corrupt: true });
    expect(imageProblem(inspectImage(head))?.fact).toMatch(/damaged/);
    head[79] = 0;
    head.writeUInt32BE(2, 32); // LUKS; set by hand, for qemu-img's key timing fails now and then on a busy machine
    expect(imageProblem(inspectImage(head))?.fact).toMatch(/encrypted/);
  });

  test("crafted qcow2 headers are refused, not read as harmless", () => {
    const good = part(made("good.qcow2", "-f", "qcow2"), 0, IMAGE_HEAD);
    const crafted = (change: (bytes: Buffer) => void): Buffer => {
      const bytes = Buffer.from(good);
      change(bytes);
      return bytes;
    };
    for (const bytes of [
      crafted((b) => b.writeUInt32BE(9, 4)),
      crafted((b) => b.writeUInt32BE(63, 20)),
      crafted((b) => b.writeBigUInt64BE(1n << 60n, 24)),
      crafted((b) => b.writeBigUInt64BE(1n << 62n, 8)),
      crafted((b) => b.writeUInt32BE(4096, 16) + b.writeBigUInt64BE(512n, 8)),
      good.subarray(0, 40),
      good.subarray(0, 80),
    ]) {
      expect(() => inspectImage(bytes)).toThrowError(
        expect.objectContaining({ code: "invalid", where: { property: "source" } }),
      );
    }
  });

  test("VHDX: type and size after the bytes it asks for", () => {
    const file = made("dynamic.vhdx", "-f", "vhdx");
    expect(inspectImage(part(file, 0, IMAGE_HEAD))).toEqual({ format: "vhdx", needs: 256 * 1024 });
    expect(inspect(file)).toEqual({ format: "vhdx", type: "dynamic", virtualSize: 100 * MiB, dirty: false });
    const fixed = made("fixed.vhdx", "-f", "vhdx", "-o", "subformat=fixed,block_state_zero=off");
    expect(inspect(fixed)).toMatchObject({ type: "fixed", virtualSize: 100 * MiB });
    const parent = Buffer.from(part(file, 0, 4 * MiB));
    const parameters = parent.indexOf(Buffer.from("3767a1ca36fa434db3b633f0aa44e76b", "hex"));
    const item = 3 * MiB + parent.readUInt32LE(parameters + 16);
    parent.writeUInt32LE(2, item + 4);
    expect(imageProblem(inspectImage(parent))?.fact).toMatch(/difference/);
  });

  test("a crafted VHDX cannot ask for more than 8 MiB", () => {
    const bytes = Buffer.from(part(made("far.vhdx", "-f", "vhdx"), 0, 256 * 1024));
    bytes.writeBigUInt64LE(1n << 40n, bytes.indexOf(Buffer.from("06a27c8b90479a4bb8fe575f050f886e", "hex")) + 16);
    expect(() => inspectImage(bytes)).toThrowError(expect.objectContaining({ code: "invalid" }));
    bytes.writeUInt32LE(0xffffffff, 192 * 1024 + 8);
    expect(() => inspectImage(bytes)).toThrowError(expect.objectContaining({ code: "invalid" }));
  });

  test("VHD: dynamic by its head, fixed by its tail only", () => {
    expect(inspect(made("d.vhd", "-f", "vpc", "-o", "force_size=on"))).toEqual({
      format: "vhd",
      type: "dynamic",
      virtualSize: 100 * MiB,
    });
    const fixed = made("f.vhd", "-f", "vpc", "-o", "subformat=fixed,force_size=on");
    expect(inspect(fixed)).toEqual({ format: "raw" });
    expect(inspect(fixed, true)).toEqual({ format: "vhd", type: "fixed", virtualSize: 100 * MiB });
  });

  test("VMDK and VDI", () => {
    expect(inspect(made("sparse.vmdk", "-f", "vmdk"))).toEqual({ format: "vmdk", virtualSize: 100 * MiB });
    expect(inspect(made("flat.vmdk", "-f", "vmdk", "-o", "subformat=monolithicFlat"))).toEqual({ format: "vmdk" });
    expect(inspect(made("disk.vdi", "-f", "vdi"))).toEqual({ format: "vdi" });
    expect(inspect(made("disk.raw", "-f", "raw"))).toEqual({ format: "raw" });
  });
});

test("an ISO image", () => {
  expect(inspectImage(isoImage("cidata", []))).toEqual({ format: "iso" });
});

test("what is short or empty is raw", () => {
  expect(inspectImage(new Uint8Array())).toEqual({ format: "raw" });
  expect(inspectImage(new Uint8Array(3), new Uint8Array(3))).toEqual({ format: "raw" });
});

const packed = (tool: string, ...args: string[]): Uint8Array | undefined => {
  const { status, stdout } = spawnSync(tool, args, { input: "some disk" });
  return status === 0 ? stdout : undefined;
};
for (const [format, bytes] of [
  ["gzip", gzipSync("some disk")],
  ["xz", packed("xz", "-c")],
  ["zstd", packed("zstd", "-c")],
  ["bzip2", packed("bzip2", "-c")],
  ["zip", packed("zip", "-q", "-", "-")],
] as const) {
  test.skipIf(bytes === undefined)(`${format} says how to unpack it (skipped when its packer is not on PATH)`, () => {
    const image = inspectImage(bytes!);
    expect(image).toEqual({ format });
    expect(imageProblem(image)?.hint).toMatch(/^Decompress it first/);
  });
}
