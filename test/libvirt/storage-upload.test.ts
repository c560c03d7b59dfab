import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { markOf, setMark } from "../../provider/backends/libvirt/mark.js";
import { ProviderError } from "../../provider/core/errors.js";
import { waitFor } from "../hosts/host-folder.js";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { cloningFolder, cloningLacks } from "./pool-lab.js";
import {
  compare,
  declare,
  digest,
  MiB,
  makeImages,
  run,
  serve,
  silent,
  taken,
  type Web,
  type Worker,
  workersOn,
} from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`volumes from a source${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  let folder: string;
  let images: Awaited<ReturnType<typeof makeImages>>;
  const webs: Web[] = [];
  const { start, close } = workersOn(() => host);
  const web = async (...served: Parameters<typeof serve>): Promise<string> => {
    const made = await serve(...served);
    webs.push(made);
    return made.url;
  };
  beforeAll(async () => {
    host = await startLibvirtd();
    folder = join(host.pools, "vols");
    images = await makeImages(join(host.root, "images"));
    const w = start();
    await w.pools.create(declare("StoragePool", w, { name: "vols", path: folder }), silent());
  });
  afterAll(async () => {
    await close();
    for (const made of webs) await made.close();
    await host?.stop();
  });
  const vol = (w: Worker, name: string, more: Record<string, unknown>) =>
    declare("Volume", w, { name, pool: "vols", ...more });
  const nothingLeft = async (name: string) => {
    expect((await readdir(folder)).filter((file) => file.includes(name))).toEqual([]);
    expect(await host.virsh("vol-list", "vols")).not.toContain(name);
    expect(await host.virsh("secret-list")).not.toContain(name);
  };

  const lacks = cloningLacks();
  it.skipIf(lacks !== undefined)(
    `writes a raw file once where files can be cloned${lacks ? ` (${lacks})` : ""}`,
    async () => {
      const w = start();
      const path = await cloningFolder(host, 300);
      await w.pools.create(declare("StoragePool", w, { name: "xfs", path }), silent());
      w.calls();
      const wanted = declare("Volume", w, { name: "once", pool: "xfs", format: "raw", source: images.raw });
      const made = await w.volumes.create(wanted, silent());
      // Where the clone is refused, a copy follows.
      expect(w.calls()).toMatchObject({ "volume.createFrom": 1 });
      const there = await host.exec(["sha256sum", made.outputs.path]);
      expect(there.split(" ")[0]).toBe(await digest(images.raw));
      await w.volumes.remove(made.id, made.inputs, silent());
    },
  );

  it("copies a qcow2, larger when asked, and says how far it is", async () => {
    const w = start();
    const said: string[] = [];
    const step = { ...silent(), report: (line: string) => said.push(line) };
    const wanted = vol(w, "q", { source: images.qcow2, sha256: await digest(images.qcow2), size: "100MiB" });
    expect(await start().volumes.examine(wanted)).toEqual([]);
    const made = await w.volumes.create(wanted, step);
    expect(w.calls()).toMatchObject({
      "pool.byName": 1,
      "pool.xml": 1,
      "volume.create": 1,
      "volume.upload": 1,
      "volume.resize": 1,
      "volume.createFrom": 1,
      "volume.delete": 1,
      "secret.define": 2,
    });
    expect(made.outputs.size).toBe(100 * MiB);
    await compare(made.outputs.path, "qcow2", images.raw, "raw");
    expect(await taken(made.outputs.path)).toBeLessThan((await taken(images.qcow2)) + MiB);
    expect((await run("qemu-img", ["check", made.outputs.path])).stdout).toContain("No errors");
    expect(said[0]).toMatch(/^uploading image\.qcow2 \(\d+ MiB\)$/);
    expect(said.at(-1)).toBe("publishing the volume");
    expect(await readdir(folder)).toEqual(["q"]);
    await w.volumes.remove(made.id, made.inputs, silent());
    await nothingLeft("q");
  });

  it("copies a raw image with its holes, of its own size or a larger one", async () => {
    const w = start();
    for (const [name, size] of [
      ["own.raw", undefined],
      ["large.raw", 64 * MiB],
    ] as const) {
      const wanted = vol(w, name, { source: images.raw, format: "raw", ...(size === undefined ? {} : { size }) });
      const made = await w.volumes.create(wanted, silent());
      expect(made.outputs.size).toBe(size ?? 48 * MiB);
      expect((await stat(made.outputs.path)).size).toBe(size ?? 48 * MiB);
      expect(await taken(made.outputs.path)).toBeLessThan(16 * MiB);
      await compare(made.outputs.path, "raw", images.raw, "raw");
      await w.volumes.remove(made.id, made.inputs, silent());
    }
  });

  it("copies a CD image as the bytes of a disk", async () => {
    const w = start();
    const iso = join(host.root, "cd.iso");
    await writeFile(iso, Buffer.concat([Buffer.alloc(32768), Buffer.from("\x01CD001\x01".padEnd(65536, " "))]));
    const made = await w.volumes.create(vol(w, "cd", { source: iso, format: "raw" }), silent());
    await host.virsh("pool-refresh", "vols");
    const now = await start().volumes.read(made.id, made.inputs);
    expect(now?.inputs.format).toBe("raw");
    expect(await digest(made.outputs.path)).toBe(await digest(iso));
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("takes a tiny qcow2, shorter than an empty one that libvirt makes", async () => {
    const w = start();
    const tiny = join(host.root, "tiny.qcow2");
    await run("qemu-img", ["create", "-f", "qcow2", "-o", "cluster_size=512,compat=0.10", tiny, "1M"]);
    expect((await stat(tiny)).size).toBeLessThan(100_000);
    const made = await w.volumes.create(vol(w, "tiny", { source: tiny }), silent());
    expect(made.outputs.size).toBe(MiB);
    await compare(made.outputs.path, "qcow2", tiny, "qcow2");
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("copies from a web server", async () => {
    const w = start();
    const source = await web(images.qcow2);
    const wanted = vol(w, "web", { source, sha256: await digest(images.qcow2) });
    expect(await start().volumes.examine(wanted)).toEqual([]);
    const made = await w.volumes.create(wanted, silent());
    await compare(made.outputs.path, "qcow2", images.raw, "raw");
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("leaves nothing of what went wrong", async () => {
    const w = start();
    const attempts: readonly [Record<string, unknown>, object][] = [
      [
        { source: images.qcow2, sha256: "0".repeat(64) },
        { code: "invalid", where: { property: "sha256" } },
      ],
      [{ source: await web(images.qcow2, 3 * MiB) }, { code: "unreachable" }],
      [
        { source: images.qcow2, format: "raw" },
        { where: { property: "format" }, hint: 'Set format to "qcow2".' },
      ],
      [{ source: images.qcow2, size: "16MiB" }, { where: { property: "size" } }],
      [{ source: images.raw, format: "raw", size: "16MiB" }, { where: { property: "size" } }],
      [{ source: join(host.root, "no such") }, { where: { property: "source" } }],
      [{ source: "http://127.0.0.1:9/x" }, { code: "unreachable" }],
    ];
    for (const [more, refusal] of attempts)
      await expect(w.volumes.create(vol(w, "wrong", more), silent())).rejects.toMatchObject(refusal);
    await nothingLeft("wrong");
  });

  it("says before the creation what is wrong with a source", async () => {
    const w = start();
    const overlay = join(host.root, "overlay.qcow2");
    await run("qemu-img", ["create", "-f", "qcow2", "-F", "qcow2", "-b", images.qcow2, overlay]);
    const gz = join(host.root, "image.gz");
    await run("sh", ["-c", `head -c 100000 ${images.qcow2} | gzip > ${gz}`]);
    const attempts: readonly [Record<string, unknown>, string, RegExp][] = [
      [{ source: "no such" }, "source", /^there is nothing at no such: check/],
      [{ source: overlay }, "source", /only the difference to another file/],
      [{ source: gz }, "source", /compressed \(gzip\): decompress it first/],
      [{ source: images.raw }, "format", /^the source has the format raw, not qcow2: set format to "raw"/],
      [{ source: images.qcow2, size: "16MiB" }, "size", /^16MiB is smaller than the source, which has 48MiB: set size/],
      [{ size: "1000TiB" }, "size", /must not exceed the file system/],
    ];
    for (const [more, path, text] of attempts)
      expect(await w.volumes.examine(vol(w, "x", more))).toEqual([{ path, reason: expect.stringMatching(text) }]);
  });

  it("leaves nothing when it is cancelled in the middle", async () => {
    const w = start();
    const control = new AbortController();
    const part = waitFor(
      async () => {
        const [file] = (await readdir(folder)).filter((name) => name.endsWith(".part"));
        return file !== undefined && (await stat(join(folder, file))).size > MiB ? true : undefined;
      },
      20_000,
      () => "no part file grows",
    );
    const server = await slow();
    const attempt = w.volumes.create(vol(w, "cut", { source: server }), { ...silent(), signal: control.signal });
    attempt.catch(() => undefined);
    await part;
    control.abort(new Error("enough"));
    await expect(attempt).rejects.toMatchObject({ code: "failed" });
    await nothingLeft("cut");
  });

  it("begins anew after its process was killed in the middle, and deletes only what it published itself", async () => {
    const w = start();
    const script = `require("tsx/cjs/api").register();
      const lab = require(${JSON.stringify(join(__dirname, "storage-lab.ts"))});
      const w = lab.worker(${JSON.stringify(host.uri)});
      w.volumes.create(lab.declare("Volume", w, { name: "killed", pool: "vols", source: ${JSON.stringify(await slow())} }), lab.silent());`;
    const child: ChildProcess = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "inherit", "inherit"] });
    const grown = async () => {
      const [file] = (await readdir(folder)).filter((name) => name.startsWith(".killed"));
      return file !== undefined && (await stat(join(folder, file))).size > MiB ? true : undefined;
    };
    await waitFor(grown, 30_000, () => "no part file grows");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect((await readdir(folder)).some((name) => name.startsWith(".killed"))).toBe(true);
    expect(existsSync(join(folder, "killed"))).toBe(false);
    const wanted = vol(w, "killed", { source: images.qcow2 });
    await host.virsh("vol-create-as", "vols", "killed", "1M", "--format", "qcow2");
    // No copy had begun, so this one is somebody else's.
    await expect(w.volumes.create(wanted, silent())).rejects.toMatchObject({ code: "exists" });
    expect(existsSync(join(folder, "killed"))).toBe(true);
    // As if the copy had been broken off.
    await setMark(w.host.session, markOf("proj/stack", join(folder, "killed")), "proj/stack", "publishing");
    expect(await start().volumes.examine(wanted)).toEqual([]);
    // Also when it is declared without the source by now.
    const made = await w.volumes.create(vol(w, "killed", { size: "32MiB" }), silent());
    expect(made.outputs.size).toBe(32 * MiB);
    expect((await readdir(folder)).filter((name) => name.includes("killed"))).toEqual(["killed"]);
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("begins anew where what the host made could not be read", async () => {
    const w = start();
    const call = w.host.session.call.bind(w.host.session);
    let made = false;
    w.host.session.call = async (asked, args, patience) => {
      if (made && asked.name === "volume.xml") throw new ProviderError("failed", "internal error");
      const answer = await call(asked, args, patience);
      made ||= asked.name === "volume.createFrom";
      return answer;
    };
    const wanted = vol(w, "unread", { source: images.raw, format: "raw" });
    await expect(w.volumes.create(wanted, silent())).rejects.toMatchObject({ fact: "internal error" });
    const again = await start().volumes.create(wanted, silent());
    expect((await readdir(folder)).filter((name) => name.includes("unread"))).toEqual(["unread"]);
    await start().volumes.remove(again.id, again.inputs, silent());
  });

  it("takes little memory whatever it uploads, and hinders nobody who reads the pool", async () => {
    const w = start();
    const other = await w.volumes.create(vol(w, "other", { size: "1MiB" }), silent());
    const big = join(host.root, "big.raw");
    await run("sh", ["-c", `head -c ${150 * MiB} /dev/urandom > ${big}; truncate -s 1G ${big}`]);
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 5);
    const before = process.memoryUsage.rss();
    const reads: Promise<unknown>[] = [];
    const report = () => reads.push(start().volumes.read(other.id, other.inputs));
    const made = await w.volumes.create(vol(w, "big", { source: big, format: "raw" }), { ...silent(), report });
    clearInterval(timer);
    expect(most - before).toBeLessThan(120 * MiB);
    expect(made.outputs.size).toBe(1024 * MiB);
    expect(made.outputs.allocation).toBeLessThan(152 * MiB);
    expect(reads.length).toBeGreaterThan(2);
    for (const read of await Promise.all(reads)) expect(read).toMatchObject({ id: other.id });
    for (const { id, inputs } of [made, other]) await w.volumes.remove(id, inputs, silent());
  });

  it("uploads several at once into one pool while others are made there", async () => {
    const w = start();
    const one = (i: number) =>
      i % 2 === 0 ? vol(w, `par${i}`, { source: images.qcow2 }) : vol(w, `par${i}`, { size: "8MiB" });
    const made = await Promise.all(Array.from({ length: 8 }, (_, i) => w.volumes.create(one(i), silent())));
    for (const { outputs } of made.filter((_, i) => i % 2 === 0))
      await compare(outputs.path, "qcow2", images.raw, "raw");
    await Promise.all(made.map(({ id, inputs }) => w.volumes.remove(id, inputs, silent())));
    await nothingLeft("par");
  });

  /** A server that sends 4 MiB of an image and then nothing more. */
  const slow = async (): Promise<string> => web(images.qcow2, 4 * MiB, true);
});
