import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { open, readdir, truncate } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../hosts/host-folder.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { compare, declare, MiB, silent, taken, type Worker, workersOn } from "./storage-lab.js";

const reason = requirements();

/** A process of its own makes a volume from a source and tells the most memory it ever had, in bytes. */
async function uploadAlone(uri: string, name: string, source: string): Promise<number> {
  const script = `require("tsx/cjs/api").register();
    const lab = require(${JSON.stringify(join(__dirname, "storage-lab.ts"))});
    const w = lab.worker(${JSON.stringify(uri)});
    const wanted = lab.declare("Volume", w, { name: ${JSON.stringify(name)}, pool: "vols", format: "raw", source: ${JSON.stringify(source)} });
    w.volumes.create(wanted, lab.silent())
      .then(() => w.host.close())
      .then(() => console.log(process.resourceUsage().maxRSS * 1024))
      .catch((error) => { console.error(error); process.exitCode = 1; });`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (data) => {
    said += data;
  });
  const [code] = await once(child, "close");
  expect(code).toBe(0);
  return Number(said);
}

describe.skipIf(reason !== undefined)(`uploads${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  let folder: string;
  let watcher: Worker;
  const servers: Server[] = [];
  const { start, close } = workersOn(() => host);
  beforeAll(async () => {
    host = await startLibvirtd();
    folder = join(host.pools, "vols");
    watcher = start();
    await watcher.pools.create(declare("StoragePool", watcher, { name: "vols", path: folder }), silent());
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await close();
    await host?.stop();
  });
  const serve = async (length: number, pieces: () => AsyncIterable<Buffer>): Promise<string> => {
    const server = createServer(async (_request, response) => {
      response.on("error", () => undefined).writeHead(200, { "content-length": length });
      for await (const piece of pieces()) if (!response.write(piece)) await once(response, "drain");
      response.end();
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/image.raw`;
  };
  const files = async (name: string) => (await readdir(folder)).filter((file) => file.includes(name));

  it("needs less than 200 MiB of memory for a file of 1 GiB, and keeps its holes", async () => {
    const image = join(host.root, "sparse.raw");
    const file = await open(image, "w");
    for (const at of [0, 100 * MiB + 4096, 1023 * MiB]) await file.write(randomBytes(MiB), 0, MiB, at);
    await file.close();
    const most = await uploadAlone(host.uri, "sparse", image);
    expect(most).toBeLessThan(200 * MiB);
    expect(await taken(join(folder, "sparse"))).toBeLessThan(4 * MiB);
    await compare(join(folder, "sparse"), "raw", image, "raw");
    expect(await files("sparse")).toEqual(["sparse"]);
  });

  it("needs less than 200 MiB of memory for 400 MiB from a web server that is faster than the host", async () => {
    const piece = randomBytes(MiB);
    const source = await serve(400 * MiB, async function* () {
      for (let i = 0; i < 400; i++) yield piece;
    });
    const most = await uploadAlone(host.uri, "dense", source);
    expect(most).toBeLessThan(200 * MiB);
    expect(await taken(join(folder, "dense"))).toBeGreaterThanOrEqual(400 * MiB);
  });

  it("shows nothing under the volume's name before all of it is there", async () => {
    const piece = randomBytes(MiB);
    let go: () => void = () => undefined;
    const seen = new Promise<void>((resolve) => {
      go = resolve;
    });
    const source = await serve(8 * MiB, async function* () {
      for (let i = 0; i < 8; i++) {
        if (i === 4) await seen;
        yield piece;
      }
    });
    const w = start();
    const wanted = declare("Volume", w, { name: "whole", pool: "vols", format: "raw", source });
    const creation = w.volumes.create(wanted, silent());
    creation.catch(() => undefined);
    await waitFor(
      async () => {
        const [part] = await files("whole");
        return part !== undefined && (await taken(join(folder, part))) >= 3 * MiB ? true : undefined;
      },
      20_000,
      () => "nothing arrives",
    );
    expect(await files("whole")).toEqual([expect.stringMatching(/^\.whole\..*\.part$/)]);
    expect(await host.virsh("vol-list", "vols")).not.toMatch(/^ whole /m);
    expect(await start().volumes.read("vols/whole", wanted)).toBeUndefined();
    await host.virsh("pool-refresh", "vols").catch(() => undefined);
    expect(await start().volumes.read("vols/whole", wanted)).toBeUndefined();
    go();
    const made = await creation;
    expect(made.outputs.size).toBe(8 * MiB);
    expect(await start().volumes.read("vols/whole", wanted)).toMatchObject({ id: "vols/whole" });
    expect(await files("whole")).toEqual(["whole"]);
  });

  it.each([
    ["shorter", 2],
    ["longer", 64],
  ])("refuses a file that becomes %s while it is read, and leaves nothing", async (_word, size) => {
    const image = join(host.root, "changing.raw");
    const file = await open(image, "w");
    for (let at = 0; at < 32; at++) await file.write(randomBytes(MiB), 0, MiB, at * MiB);
    await file.close();
    const w = start();
    let changed: Promise<void> | undefined;
    const report = () => {
      changed ??= truncate(image, size * MiB);
    };
    const wanted = declare("Volume", w, { name: "changing", pool: "vols", format: "raw", source: image });
    await expect(w.volumes.create(wanted, { ...silent(), report })).rejects.toMatchObject({ name: "ProviderError" });
    await changed;
    expect(await files("changing")).toEqual([]);
    expect(await host.virsh("secret-list")).not.toContain("changing");
  });

  it("refuses a download that ends before the length it was announced with, and leaves nothing", async () => {
    const source = await serve(8 * MiB, async function* () {
      yield randomBytes(3 * MiB);
    });
    const w = start();
    const wanted = declare("Volume", w, { name: "cut", pool: "vols", format: "raw", source });
    await expect(w.volumes.create(wanted, silent())).rejects.toMatchObject({ name: "ProviderError" });
    expect(await files("cut")).toEqual([]);
  });
});
