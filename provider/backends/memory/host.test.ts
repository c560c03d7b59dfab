import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isProviderError } from "../../core/errors.js";
import { fileHost, type MemoryHost, privateHost } from "./host.js";
import { memory } from "./index.js";

let folder: string;
let path: string;
let host: MemoryHost;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "crossvisor-"));
  path = join(folder, "host.json");
  host = fileHost(`memory://${path}`, path);
});
afterEach(() => rm(folder, { recursive: true }));

const bump = (h: MemoryHost) =>
  h.change((world) => {
    world.starts += 1;
    return world.starts;
  });

describe("a file as the host", () => {
  test("is empty but for the default pool while the file is missing", async () => {
    const world = await host.read();
    expect(world.StoragePool.map((p) => p.properties.name)).toEqual(["default"]);
    expect([world.Volume, world.Network, world.VirtualMachine]).toEqual([[], [], []]);
    expect(await readdir(folder)).toEqual([]);
  });

  test("keeps a change, for its user alone, and leaves nothing beside it", async () => {
    expect(await bump(host)).toBe(1);
    expect((await fileHost("other", path).read()).starts).toBe(1);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["host.json"]);
  });

  test("loses no change of many at a time", async () => {
    await Promise.all(Array.from({ length: 20 }, () => bump(fileHost("x", path))));
    expect((await host.read()).starts).toBe(20);
  });

  test("keeps nothing of an edit that fails, and gives its lock back", async () => {
    await bump(host);
    const failing = host.change((world) => {
      world.starts = 99;
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow(/^no$/);
    expect((await host.read()).starts).toBe(1);
    expect(await bump(host)).toBe(2);
  });

  test("breaks the lock of a process that is dead", async () => {
    const dead = promisify(execFile)(process.execPath, ["-e", "console.log(process.pid)"]);
    await writeFile(`${path}.lock`, `${(await dead).stdout.trim()} 0`);
    await Promise.all([bump(host), bump(host), bump(host)]);
    expect((await host.read()).starts).toBe(3);
    expect(await readdir(folder)).toEqual(["host.json"]);
  });

  test.each([
    ["is no JSON", "{"],
    ["holds no object", "[]"],
  ])("does not answer when the file %s, and leaves the file alone", async (_what, text) => {
    await writeFile(path, text);
    for (const step of [() => host.read(), () => bump(host)])
      await expect(step()).rejects.toSatisfy((e) => isProviderError(e, "unreachable"));
    expect(await readFile(path, "utf8")).toBe(text);
  });

  test("does not answer when the path is a directory", async () => {
    await mkdir(path);
    await expect(host.read()).rejects.toSatisfy((e) => isProviderError(e, "unreachable"));
  });
});

test("a private host keeps nothing of an edit that fails, and what was read is a copy", async () => {
  const own = privateHost("memory:");
  await expect(
    own.change((world) => {
      world.starts = 99;
      throw new Error("no");
    }),
  ).rejects.toThrow();
  (await own.read()).starts = 7;
  expect((await own.read()).starts).toBe(0);
});

describe("URIs", () => {
  test.each([
    ["memory:", "memory:"],
    ["memory://", "memory:"],
    ["MEMORY:", "memory:"],
    ["memory:///a/b.json", "memory:///a/b.json"],
    ["memory:///a/../b.json", "memory:///b.json"],
  ])("%s is %s", (uri, identity) => {
    expect(memory.identify(uri)).toBe(identity);
    expect(memory.host({ uri }).identity).toBe(identity);
  });

  test.each(["memory:a.json", "memory://host/x", "memory:///a?b=c", "file:///a"])("%s is refused", (uri) => {
    expect(() => memory.identify(uri)).toThrow(/is not a host/);
  });
});
