import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { authority } from "../../test/ways/certificates.js";
import { type Chunk, openSource, probe, type SourceOptions } from "./source.js";

const KiB = 1024;
const MiB = 1024 * KiB;
const content = Buffer.concat([
  randomBytes(2 * MiB),
  Buffer.alloc(3 * MiB),
  randomBytes(64 * KiB),
  Buffer.alloc(70 * KiB),
  randomBytes(5),
]);
const sum = createHash("sha256").update(content).digest("hex");
const invalid = (property: string, fact: RegExp) =>
  expect.objectContaining({ code: "invalid", fact: expect.stringMatching(fact), where: { property } });

const bytesOf = (chunks: readonly Chunk[]): Buffer =>
  Buffer.concat(chunks.map((chunk) => ("hole" in chunk ? Buffer.alloc(chunk.hole) : chunk)));
/** The memory of a piece is used again. */
const copied = (chunk: Chunk): Chunk => ("hole" in chunk ? chunk : Uint8Array.from(chunk));
async function readAll(source: string, options: SourceOptions = {}): Promise<Chunk[]> {
  const opened = await openSource(source, options);
  const chunks: Chunk[] = [];
  try {
    for await (const chunk of opened.chunks()) chunks.push(copied(chunk));
  } finally {
    await opened.close();
    await opened.close();
  }
  return chunks;
}

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "crossvisor-source-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, bytes: Uint8Array | string = content): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

describe("a local file", () => {
  test("is delivered in pieces and holes that add up to it", async () => {
    const path = file("disk image.raw");
    for (const source of [path, pathToFileURL(path).href]) {
      const chunks = await readAll(source, { sha256: sum.toUpperCase() });
      expect(bytesOf(chunks).equals(content)).toBe(true);
      const shape = chunks.map((chunk) => ("hole" in chunk ? `hole ${chunk.hole}` : chunk.length));
      expect(shape).toEqual([MiB, MiB, `hole ${3 * MiB}`, 64 * KiB, `hole ${64 * KiB}`, 6 * KiB + 5]);
    }
  });

  test("uses four pieces of memory again and again, and leaves the bytes of a piece as they are meanwhile", async () => {
    const random = randomBytes(12 * MiB);
    const opened = await openSource(file("ring.raw", random));
    const pieces: Uint8Array[] = [];
    for await (const piece of opened.chunks()) {
      pieces.push(piece as Uint8Array);
      // What is read ahead has come by then.
      await stat(join(folder, "ring.raw"));
      for (const [back, kept] of pieces.slice(-3).entries()) {
        const at = (Math.max(pieces.length - 3, 0) + back) * MiB;
        expect(random.subarray(at, at + MiB).equals(kept)).toBe(true);
      }
    }
    await opened.close();
    expect(pieces).toHaveLength(12);
    expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBe(4);
    expect(random.subarray(0, MiB).equals(opened.head)).toBe(true);
  });

  test("tells name, length, identity and its first bytes", async () => {
    const opened = await openSource(file("a.raw"));
    expect(opened).toMatchObject({ name: "a.raw", length: content.length });
    expect(opened.identity).toEqual({ length: content.length, mtime: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(content.subarray(0, MiB).equals(opened.head)).toBe(true);
    await opened.close();
  });

  test("may be empty or sparse", async () => {
    expect(await readAll(file("empty", ""))).toEqual([]);
    const path = file("sparse", "");
    truncateSync(path, 300 * MiB + 1);
    expect(await readAll(path)).toEqual([{ hole: 256 * MiB }, { hole: 44 * MiB + 1 }]);
  });

  test("with another checksum throws instead of ending", async () => {
    await expect(readAll(file("b"), { sha256: "0".repeat(64) })).rejects.toEqual(invalid("sha256", new RegExp(sum)));
    await expect(readAll(file("b"), { sha256: "abc" })).rejects.toEqual(invalid("sha256", /not a SHA-256/));
  });

  test.each([
    ["grows", (path: string) => appendFileSync(path, "more")],
    ["shrinks", (path: string) => truncateSync(path, 10)],
    ["is written to", (path: string) => writeFileSync(path, Buffer.alloc(content.length, 1))],
  ])("that %s meanwhile throws instead of ending", async (_, change) => {
    const path = file("changing");
    const opened = await openSource(path);
    change(path);
    const reading = (async () => {
      for await (const _chunk of opened.chunks());
    })();
    await expect(reading).rejects.toEqual(invalid("source", /changed while/));
    await opened.close();
  });

  test("that is none is refused", async () => {
    await expect(openSource(join(folder, "none"))).rejects.toEqual(invalid("source", /nothing at/));
    await expect(openSource(folder)).rejects.toEqual(invalid("source", /not a regular file/));
    await expect(openSource("ftp://example.org/x")).rejects.toEqual(invalid("source", /neither a path/));
    await expect(openSource("")).rejects.toEqual(invalid("source", /neither a path/));
  });

  test("stops at the signal, and when the reader leaves", async () => {
    const stop = new AbortController();
    const opened = await openSource(file("c"), { signal: stop.signal });
    stop.abort();
    const reading = (async () => {
      for await (const _ of opened.chunks());
    })();
    await expect(reading).rejects.toMatchObject({ code: "failed", fact: expect.stringContaining("cancelled") });
    await opened.close();
    const left = await openSource(file("c"));
    for await (const _ of left.chunks()) break;
    await left.close();
    expect(() => left.chunks()).toThrow(/read twice/);
  });

  test("can be probed", async () => {
    expect(await probe(join(folder, "none"))).toBeUndefined();
    const found = await probe(file("d"), { bytes: 100 });
    expect(found).toMatchObject({ name: "d", length: content.length });
    expect(content.subarray(0, 100).equals(found?.head ?? Buffer.of())).toBe(true);
  });
});

describe("a web server", () => {
  let server: Server | undefined;
  async function serve(listener: RequestListener): Promise<string> {
    server = createServer(listener);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  test("is read through a redirect, with its identity", async () => {
    const asked: unknown[] = [];
    const base = await serve((request, response) => {
      asked.push(request.headers["accept-encoding"]);
      if (request.url === "/start") return response.writeHead(302, { location: "/images/disk%20a.raw?x=1" }).end();
      response.writeHead(200, {
        "content-length": content.length,
        etag: '"7"',
        "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT",
      });
      response.end(content);
    });
    const opened = await openSource(`${base}/start`);
    expect(opened.length).toBe(content.length);
    expect(opened.identity).toEqual({
      etag: '"7"',
      lastModified: "Mon, 01 Jan 2024 00:00:00 GMT",
      length: content.length,
    });
    await opened.close();
    expect(opened.name).toBe("start");
    const chunks = await readAll(`${base}/images/disk%20a.raw`, { sha256: sum });
    expect(bytesOf(chunks).equals(content)).toBe(true);
    expect(asked).toEqual(["identity", "identity", "identity"]);
  });

  test("that sends slowly and without a length still gives full pieces", async () => {
    const base = await serve(async (_, response) => {
      for (let at = 0; at < content.length; at += 300 * KiB) {
        response.write(content.subarray(at, at + 300 * KiB));
        await new Promise(setImmediate);
      }
      response.end();
    });
    const opened = await openSource(base);
    expect(opened).toMatchObject({ length: undefined, identity: {} });
    expect(opened.head.length).toBe(MiB);
    const chunks: Chunk[] = [];
    for await (const chunk of opened.chunks()) chunks.push(copied(chunk));
    expect(chunks.slice(0, 3).map((chunk) => ("hole" in chunk ? chunk : chunk.length))).toEqual([
      MiB,
      MiB,
      { hole: 3 * MiB },
    ]);
    expect(bytesOf(chunks).equals(content)).toBe(true);
  });

  test("that ends early is not taken for done, with and without a length", async () => {
    const base = await serve((request, response) => {
      if (request.url === "/length") response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 3 * MiB), () => response.destroy());
    });
    await expect(readAll(`${base}/length`)).rejects.toMatchObject({
      code: "unreachable",
      fact: expect.stringMatching(new RegExp(`^the source ended after \\d+ of ${content.length} bytes$`)),
    });
    await expect(readAll(base)).rejects.toMatchObject({ code: "unreachable" });
  });

  test("is held back by a slow reader", async () => {
    let sent = 0;
    const base = await serve(async (_, response) => {
      const piece = randomBytes(MiB);
      for (; sent < 200 && !response.destroyed; sent++) {
        if (!response.write(piece)) await Promise.race([once(response, "drain"), once(response, "close")]);
      }
      response.end();
    });
    const opened = await openSource(base);
    for await (const _ of opened.chunks()) {
      // Read until the sender has stood still for a while: then all buffers on the way are full.
      for (let before = -1; before !== sent; ) {
        before = sent;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      break;
    }
    expect(sent).toBeLessThan(50);
    await opened.close();
  });

  test.each([
    [404, "invalid", /nothing at/],
    [403, "invalid", /status 403/],
    [503, "unreachable", /status 503/],
  ])("that answers with %i is told apart, without the secret parts of the address", async (status, code, fact) => {
    const base = await serve((_, response) => response.writeHead(status).end("no"));
    const error = await openSource(`${base.replace("//", "//me:secret@")}/x?token=secret`).catch((e: unknown) => e);
    expect(error).toMatchObject({ code, fact: expect.stringMatching(fact), hint: expect.stringMatching(/\.$/) });
    expect(JSON.stringify(error) + String(error)).not.toContain("secret");
  });

  test("gets user and password as login", async () => {
    const base = await serve((request, response) => response.end(request.headers.authorization));
    const chunks = await readAll(base.replace("//", "//me:p%40ss@"));
    expect(bytesOf(chunks).toString()).toBe(`Basic ${Buffer.from("me:p@ss").toString("base64")}`);
  });

  test("that is not there", async () => {
    const base = await serve(() => {});
    server?.close();
    await expect(openSource(base)).rejects.toMatchObject({
      code: "unreachable",
      fact: expect.stringContaining("ECONNREFUSED"),
    });
  });

  test("that compresses all the same is refused", async () => {
    const base = await serve((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x")),
    );
    await expect(openSource(base)).rejects.toEqual(invalid("source", /content encoding gzip/));
  });

  test("with another checksum throws instead of ending", async () => {
    const base = await serve((_, response) => response.end(content));
    await expect(readAll(base, { sha256: "0".repeat(64) })).rejects.toEqual(invalid("sha256", new RegExp(sum)));
  });

  test("that falls silent is left at the signal and at close", async () => {
    const base = await serve((_, response) => void response.write(content.subarray(0, MiB + 1)));
    const stop = new AbortController();
    const opened = await openSource(base, { signal: stop.signal });
    const iterator = opened.chunks()[Symbol.asyncIterator]();
    await iterator.next();
    const waiting = iterator.next();
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "failed" });
    const other = await openSource(base);
    const second = other.chunks()[Symbol.asyncIterator]();
    await second.next();
    const stuck = second.next();
    await other.close();
    await expect(stuck).rejects.toMatchObject({ code: "unreachable" });
  });

  test.each([
    ["at once", 0],
    ["in the middle", MiB + 1],
  ])("that falls silent %s is given up after the limit, which is told", async (_, sent) => {
    const base = await serve((_request, response) => {
      if (sent > 0) response.writeHead(200, { "content-length": content.length }).write(content.subarray(0, sent));
    });
    const silence = 300;
    const given = { code: "timeout", fact: `${base}/ sent nothing for 0.3 s` };
    await expect(readAll(base, { silence })).rejects.toMatchObject(given);
    if (sent === 0) await expect(probe(base, { silence })).rejects.toMatchObject(given);
  });

  test.each([
    ["in a circle", "/x", /redirects without an end$/],
    [
      "to something else than a web server",
      "ftp://127.0.0.1/x",
      /redirects to an address that is not of a web server$/,
    ],
  ])("that redirects %s is told by that", async (_, location, fact) => {
    const base = await serve((_request, response) => response.writeHead(302, { location }).end());
    await expect(openSource(base)).rejects.toEqual(invalid("source", fact));
  });

  test("that redirects from https to http is refused, when it is opened and when it is probed", async () => {
    const base = await serve((_request, response) => response.end(content));
    const { cert, key } = authority(folder, "authority").issue("web", { subject: "127.0.0.1", names: "IP:127.0.0.1" });
    const pair = { cert: readFileSync(cert), key: readFileSync(key) };
    const secure = createSecureServer(pair, (_request, response) => response.writeHead(302, { location: base }).end());
    await once(secure.listen(0, "127.0.0.1"), "listening");
    // The certificate is nobody's on this machine.
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    try {
      const source = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/disk.raw`;
      for (const use of [openSource, probe])
        await expect(use(source)).rejects.toEqual(invalid("source", /redirects to an address without encryption$/));
    } finally {
      vi.unstubAllEnvs();
      secure.closeAllConnections();
      secure.close();
    }
  });

  describe("probed", () => {
    test("with a range", async () => {
      const base = await serve((request, response) => {
        expect(request.headers.range).toBe("bytes=0-65535");
        response.writeHead(206, { "content-range": `bytes 0-65535/${content.length}`, etag: "e" });
        response.end(content.subarray(0, 65536));
      });
      const found = await probe(`${base}/img/disk.raw`);
      expect(found).toMatchObject({
        name: "disk.raw",
        length: content.length,
        identity: { etag: "e", length: content.length },
      });
      expect(content.subarray(0, 65536).equals(found?.head ?? Buffer.of())).toBe(true);
    });

    test("where ranges are ignored the rest is not read", async () => {
      const closed: Promise<unknown>[] = [];
      const base = await serve((_, response) => {
        closed.push(once(response, "close"));
        response.writeHead(200, { "content-length": 1e12 });
        response.write(content);
      });
      const found = await probe(base);
      expect(found).toMatchObject({ length: 1e12 });
      expect(found?.head.length).toBe(64 * KiB);
      await Promise.all(closed);
    });

    test("where it is empty, and where there is nothing", async () => {
      const base = await serve((request, response) =>
        request.url === "/empty"
          ? response.writeHead(416, { "content-range": "bytes */0" }).end()
          : response.writeHead(404).end(),
      );
      expect(await probe(`${base}/empty`)).toMatchObject({ length: 0, head: Buffer.of() });
      expect(await probe(`${base}/none`)).toBeUndefined();
    });
  });
});
