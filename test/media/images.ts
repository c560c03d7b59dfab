import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { expect } from "vitest";
import { toVhdx, type Vhdx, type VhdxOptions } from "../../provider/media/vhdx.js";

export const hasQemu = ["qemu-img", "qemu-io"].every((tool) => spawnSync(tool, ["--version"]).status === 0);

/** The seed of random images: printed in the titles of their tests, and set to repeat one. */
export const seed = Number(process.env["CROSSVISOR_TEST_SEED"] ?? Date.now() % 1_000_000);

/** Whole numbers below `limit`, the same sequence for the same seed (mulberry32). */
export function sequence(start: number): (limit: number) => number {
  let state = start;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

/** An empty qcow2 of that size, with these options of `qemu-img create -o`. */
export function emptyQcow2(path: string, size: string | number, ...options: readonly string[]): string {
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...options.flatMap((o) => ["-o", o]), path, String(size)]);
  return path;
}

/** Runs commands of qemu-io on a qcow2. */
export function io(path: string, commands: readonly string[]): void {
  const words = commands.flatMap((command) => ["-c", command]);
  execFileSync("qemu-io", ["-t", "unsafe", "-f", "qcow2", ...words, path], { stdio: "pipe" });
}

/** The disk in a qcow2 as QEMU reads it. */
export function bytesByQemu(path: string): Buffer {
  execFileSync("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", path, `${path}.raw`]);
  const bytes = readFileSync(`${path}.raw`);
  rmSync(`${path}.raw`);
  return bytes;
}

/** Bytes at places of a file. */
export type Contents = ReadonlyArray<readonly [number, Uint8Array]>;

/** A sparse file with these contents. */
export function sparseFile(path: string, length: number, contents: Contents = []): string {
  const handle = openSync(path, "w");
  ftruncateSync(handle, length);
  for (const [at, bytes] of contents) writeSync(handle, bytes, 0, bytes.length, at);
  closeSync(handle);
  return path;
}

/** Bytes of which none is zero. */
export const noise = (length: number, random: (limit: number) => number): Uint8Array =>
  Uint8Array.from({ length }, () => 1 + random(255));

/** Writes a VHDX as a receiver does that skips holes, and checks that it is as long as told. */
export async function writeVhdx(source: string, options: VhdxOptions, path: string): Promise<Vhdx & { path: string }> {
  const made = await toVhdx(source, options);
  const handle = openSync(path, "w");
  let at = 0;
  try {
    for await (const chunk of made.chunks()) {
      if (chunk instanceof Uint8Array) writeSync(handle, chunk, 0, chunk.length, at);
      else expect(chunk.hole).toBeLessThanOrEqual(256 * 1024 * 1024);
      at += chunk instanceof Uint8Array ? chunk.length : chunk.hole;
    }
    ftruncateSync(handle, at);
  } finally {
    closeSync(handle);
    await made.close();
  }
  expect(at).toBe(made.length);
  return { ...made, path };
}

/** An error with its place and a remedy that is a sentence. */
export const problem = (code: string, property: string, fact: RegExp) =>
  expect.objectContaining({
    code,
    fact: expect.stringMatching(fact),
    where: { property },
    hint: expect.stringMatching(/^[A-Z].*\.$/),
  });
