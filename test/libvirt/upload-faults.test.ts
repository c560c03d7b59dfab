import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { compare, declare, MiB, silent, type Worker, worker } from "./storage-lab.js";

const reason = requirements();
const content = randomBytes(4 * MiB);
const other = randomBytes(4 * MiB);

type Answer = (response: ServerResponse, path: string) => void;
/** Bytes of the answer by hand: a length that is not the content's. */
const announced =
  (length: number): Answer =>
  (response) =>
    response.socket?.end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`), content]));
const cutAt =
  (headers: Record<string, number>): Answer =>
  (response) =>
    response.writeHead(200, headers).write(content.subarray(0, 2 * MiB + 7), () => response.destroy());
const status =
  (code: number): Answer =>
  (response) =>
    response.writeHead(code).end("no");

describe.skipIf(reason !== undefined)(`uploads that go wrong${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  let folder: string;
  let whole: string;
  let w: Worker;
  let server: Server | undefined;
  const serve = async (listener: RequestListener): Promise<string> => {
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const pool = async (name: string, path: string) =>
    w.pools.create(declare("StoragePool", w, { name, path }), silent());
  const volume = (name: string, source: string, more: Record<string, unknown> = {}) =>
    declare("Volume", w, { name, pool: "vols", format: "raw", source, ...more });
  const traces = async (name: string, at = folder): Promise<string> => {
    const files = (await readdir(at)).filter((file) => file.includes(name));
    const [listed, marks] = [await host.virsh("vol-list", "vols"), await host.virsh("secret-list")];
    return [...files, ...`${listed}\n${marks}`.split("\n").filter((line) => line.includes(name))].join("\n");
  };
  beforeAll(async () => {
    host = await startLibvirtd();
    folder = join(host.pools, "vols");
    whole = join(host.root, "whole.raw");
    await writeFile(whole, content);
    w = worker(host.uri);
    await pool("vols", folder);
  });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });
  afterAll(async () => {
    await w?.host.close();
    await host?.stop();
  });
  /** The same declaration again, when the source is well. */
  const again = async (name: string, source: string) => {
    const made = await w.volumes.create(volume(name, source), silent());
    await compare(made.outputs.path, "raw", whole, "raw");
    expect((await readdir(folder)).filter((file) => file.includes(name))).toEqual([name]);
    await w.volumes.remove(made.id, made.inputs, silent());
    expect(await traces(name)).toBe("");
  };

  it.each<[string, Answer, Record<string, unknown>, object]>([
    ["is cut in the middle", cutAt({ "content-length": content.length }), {}, { code: "unreachable" }],
    ["is cut in the middle of a download without a length", cutAt({}), {}, { code: "unreachable" }],
    [
      "is shorter than announced",
      announced(content.length + MiB),
      {},
      { code: "unreachable", fact: expect.stringMatching(/^the source ended after \d+ of 5242880 bytes$/) },
    ],
    [
      "is longer than announced, and has a checksum",
      announced(content.length - MiB),
      { sha256: "0".repeat(64) },
      { code: "invalid", where: { property: "sha256" } },
    ],
    ["is not there", status(404), {}, { code: "invalid", fact: expect.stringMatching(/^there is nothing at http/) }],
    [
      "is refused by a broken server",
      status(500),
      {},
      { code: "unreachable", fact: expect.stringMatching(/status 500$/) },
    ],
    [
      "is redirected in a circle",
      (response, path) => response.writeHead(302, { location: path }).end(),
      {},
      { code: "invalid", fact: expect.stringMatching(/redirects without an end$/), hint: expect.stringMatching(/\.$/) },
    ],
    [
      "is redirected to nowhere",
      (response) => response.writeHead(302, { location: "/gone" }).end(),
      {},
      { code: "invalid", where: { property: "source" } },
    ],
    [
      "has another checksum",
      (response) => response.end(other),
      { sha256: "0".repeat(64) },
      { code: "invalid", where: { property: "sha256" } },
    ],
  ])("a source that %s leaves nothing, and the next attempt makes the volume", async (_, answer, more, refusal) => {
    let well = false;
    const url = await serve((request, response) => {
      if (well) response.writeHead(200, { "content-length": content.length }).end(content);
      else if (request.url === "/gone") status(404)(response, "");
      else answer(response, request.url ?? "");
    });
    const source = `${url}/disk.raw`;
    await expect(w.volumes.create(volume("wrong", source, more), silent())).rejects.toMatchObject({
      name: "ProviderError",
      ...refusal,
    });
    expect(await traces("wrong")).toBe("");
    well = true;
    await again("wrong", source);
  });

  it.each<[string, Answer]>([
    ["in chunks without a length", (response) => void response.write(content, () => response.end())],
    ["behind a relative redirect", (response) => response.writeHead(302, { location: "../at/whole" }).end()],
  ])("a source %s is taken", async (_, answer) => {
    const url = await serve((request, response) => {
      if (request.url === "/at/whole") response.end(content);
      else answer(response, "");
    });
    await again("right", `${url}/some/disk.raw`);
  });

  it("a local file that becomes another one meanwhile is refused, and the next attempt takes it as it is then", async () => {
    const path = join(host.root, "swapped.raw");
    await writeFile(path, other);
    let swapped: Promise<void> | undefined;
    const report = () => {
      swapped ??= writeFile(path, content);
    };
    const attempt = w.volumes.create(volume("swapped", path), { ...silent(), report });
    await expect(attempt).rejects.toMatchObject({
      code: "invalid",
      fact: expect.stringContaining("was changed while"),
    });
    await swapped;
    expect(await traces("swapped")).toBe("");
    await again("swapped", path);
  });

  describe("a pool that is nearly full", () => {
    let path: string;
    const tiny = () => join(host.root, "tiny.raw");
    const wanted = (source: string) => declare("Volume", w, { name: "full", pool: "small", format: "raw", source });
    const listed = () => host.exec(["ls", "-A", path]);
    const nothingLeft = async () => {
      expect(await listed()).toBe("");
      expect(await host.virsh("secret-list")).not.toContain("full");
    };
    beforeAll(async () => {
      path = join(host.pools, "small");
      await mkdir(path);
      await host.exec(["mount", "-t", "tmpfs", "-o", "size=3m", "small", path]);
      await pool("small", path);
      await writeFile(tiny(), content.subarray(0, MiB));
    });

    it("refuses a raw source that is too long before any of it is sent, and takes holes for none", async () => {
      const url = await serve((_, response) => {
        response.writeHead(200, { "content-length": content.length }).end(content);
      });
      const room = /^it takes 4MiB, and the storage pool "small" has 3MiB free/;
      for (const source of [whole, `${url}/disk.raw`]) {
        const said: string[] = [];
        expect(await w.volumes.examine(wanted(source))).toEqual([
          { path: "source", reason: expect.stringMatching(room) },
        ]);
        const report = (line: string) => said.push(line);
        await expect(w.volumes.create(wanted(source), { ...silent(), report })).rejects.toMatchObject({
          code: "failed",
          fact: expect.stringMatching(room),
          where: { property: "source" },
        });
        expect(said).toEqual([]);
        await nothingLeft();
      }
      const sparse = join(host.root, "sparse.raw");
      await writeFile(sparse, content.subarray(0, MiB));
      await truncate(sparse, 64 * MiB);
      expect(await w.volumes.examine(wanted(sparse))).toEqual([]);
      const made = await w.volumes.create(wanted(sparse), silent());
      expect(made.outputs.size).toBe(64 * MiB);
      // What libvirt read last is not what counts: somebody makes room meanwhile.
      await host.exec(["dd", "if=/dev/zero", `of=${join(path, "filler")}`, "bs=512K", "count=3"]);
      await host.virsh("pool-refresh", "small");
      const late = declare("Volume", w, { name: "late", pool: "small", format: "raw", source: tiny() });
      const found = async () => {
        const fresh = worker(host.uri);
        const problems = await fresh.volumes.examine(late);
        await fresh.host.close();
        return problems;
      };
      expect(await found()).toEqual([
        { path: "source", reason: expect.stringMatching(/^it takes 1MiB, .* has 512KiB free/) },
      ]);
      await host.exec(["rm", join(path, "filler")]);
      expect(await found()).toEqual([]);
      await w.volumes.remove(made.id, made.inputs, silent());
    });

    it("names itself when it is full in the middle, nothing stays, and there is room for the next attempt", async () => {
      // Nobody knows the length of the one; of the other the copy of the upload finds no room.
      const url = await serve((_, response) => void response.write(content, () => response.end()));
      await writeFile(join(host.root, "half.raw"), content.subarray(0, 2 * MiB));
      for (const source of [`${url}/disk.raw`, join(host.root, "half.raw")]) {
        await expect(w.volumes.create(wanted(source), silent())).rejects.toMatchObject({
          name: "ProviderError",
          code: "failed",
          where: { property: "pool" },
          fact: expect.stringMatching(/^the storage pool "small" is full/),
          hint: expect.stringMatching(/twice/),
        });
        await nothingLeft();
      }
      const made = await w.volumes.create(wanted(tiny()), silent());
      expect(await listed()).toBe("full\n");
      await w.volumes.remove(made.id, made.inputs, silent());
    });
  });

  it("refuses a raw download without a length as soon as it is longer than the declared size", async () => {
    let sent = 0;
    const url = await serve(async (_, response) => {
      response.on("error", () => undefined);
      for (; sent < 200 && !response.destroyed; sent++)
        if (!response.write(other.subarray(0, MiB)))
          await Promise.race([once(response, "drain"), once(response, "close")]);
      response.end();
    });
    const attempt = w.volumes.create(volume("over", `${url}/disk.raw`, { size: "2MiB" }), silent());
    await expect(attempt).rejects.toMatchObject({
      code: "invalid",
      where: { property: "size" },
      fact: "2MiB is smaller than the source, which has more",
      hint: expect.stringMatching(/size/),
    });
    expect(sent).toBeLessThan(200);
    expect(await traces("over")).toBe("");
    const exact = await serve((_, response) => void response.write(content, () => response.end()));
    const made = await w.volumes.create(volume("over", `${exact}/disk.raw`, { size: "4MiB" }), silent());
    expect(made.outputs.size).toBe(4 * MiB);
    await w.volumes.remove(made.id, made.inputs, silent());
  });
});
