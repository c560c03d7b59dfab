import { mkdir, readdir, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { compare, declare, MiB, makeImages, silent, type Worker, workersOn } from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`storage in odd places${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  let w: Worker;
  let images: Awaited<ReturnType<typeof makeImages>>;
  const { start, close } = workersOn(() => host);
  beforeAll(async () => {
    host = await startLibvirtd();
    images = await makeImages(join(host.root, "images ü & 'b' %s"));
    w = start();
  });
  afterAll(async () => {
    await close();
    await host?.stop();
  });
  const pool = (name: string, more: Record<string, unknown> = {}) =>
    declare("StoragePool", w, { name, path: join(host.pools, name), ...more });
  const vol = (name: string, in_: string, more: Record<string, unknown> = {}) =>
    declare("Volume", w, { name, pool: in_, ...more });

  it("makes, reads, grows and removes volumes of any legal name in a folder of any name", async () => {
    const path = join(host.pools, `a b 'c' "d" <e> & ü %s $HOME, x:y`);
    const made = await w.pools.create(pool("odd % ü, x", { path }), silent());
    expect(await start().pools.read(made.id, made.inputs)).toMatchObject({ inputs: { path, name: "odd % ü, x" } });
    const base = await w.volumes.create(vol("base, a=b;# ü漢", made.id, { size: "8MiB" }), silent());
    const names = ["100 %s $HOME ~", "json:{x}, nbd:y", "x".repeat(100), "漢".repeat(80)];
    for (const name of names) {
      const copy = vol(name, made.id, { source: images.qcow2 });
      expect(await start().volumes.examine(copy)).toEqual([]);
      const kept = await w.volumes.create(copy, silent());
      await compare(kept.outputs.path, "qcow2", images.raw, "raw");
      const larger = await w.volumes.update(
        kept.id,
        kept.inputs,
        vol(name, made.id, { source: images.qcow2, size: "64MiB" }),
        silent(),
      );
      expect(await start().volumes.read(kept.id, larger.inputs)).toMatchObject({
        inputs: { name },
        outputs: { size: 64 * MiB },
      });
      await w.volumes.remove(kept.id, larger.inputs, silent());
      const over = await w.volumes.create(vol(name, made.id, { base: base.outputs.path }), silent());
      expect((await start().volumes.read(over.id, over.inputs))?.inputs.base).toBe(base.outputs.path);
      await w.volumes.remove(over.id, over.inputs, silent());
    }
    const size = { size: "1MiB" };
    expect(() => vol("漢".repeat(81), made.id, size)).toThrow(/"name".*bytes/);
    for (const bad of ["-dash", "a/b", 'q"x', "it's", "a&b", "a<b", "x".repeat(200)])
      expect(() => vol(bad, made.id, size)).toThrow(/"path":"name"/);
    await w.volumes.remove(base.id, base.inputs, silent());
    expect(await readdir(path)).toEqual([]);
    await w.pools.remove(made.id, { ...made.inputs, onDelete: "delete" }, silent());
  });

  it("takes a folder that is a symbolic link, and does not delete it", async () => {
    await mkdir(join(host.pools, "real"));
    await symlink(join(host.pools, "real"), join(host.pools, "link"));
    const wanted = pool("link", { onDelete: "delete" });
    const made = await w.pools.create(wanted, silent());
    const kept = await w.volumes.create(vol("v", "link", { source: images.qcow2 }), silent());
    expect(kept.outputs.path).toBe(join(host.pools, "link", "v"));
    expect(await start().volumes.read(kept.id, kept.inputs)).toBeDefined();
    await w.volumes.remove(kept.id, kept.inputs, silent());
    await expect(w.pools.remove(made.id, wanted, silent())).rejects.toMatchObject({
      where: { property: "onDelete" },
      fact: expect.stringContaining("symbolic link"),
    });
    expect(await host.virsh("pool-info", "link")).toMatch(/State: +running/);
    await w.pools.remove(made.id, { ...wanted, onDelete: "keep" }, silent());
    expect(await readdir(host.pools)).toEqual(expect.arrayContaining(["link", "real"]));
  });

  it("loses nothing when the folder of a started pool is gone, says so, and goes on when it is back", async () => {
    const [path, away] = [join(host.pools, "fled"), join(host.pools, "away")];
    const wanted = pool("fled");
    const made = await w.pools.create(wanted, silent());
    const kept = await w.volumes.create(vol("v", "fled", { size: "8MiB" }), silent());
    const restart = () => host.virsh("pool-start", "fled").then(() => undefined);
    const gone = { code: "hidden", where: { property: "pool" }, fact: expect.stringContaining('"fled"') };
    const missing = { ...gone, fact: expect.stringMatching(/"fled".*fled.* is not there/), hint: expect.any(String) };
    const attempts: readonly (() => Promise<unknown>)[] = [
      () => start().volumes.read(kept.id, kept.inputs),
      () => w.volumes.read(kept.id, kept.inputs),
      () => w.volumes.create(vol("new", "fled", { size: "1MiB" }), silent()),
      () => w.volumes.create(vol("new", "fled", { source: images.qcow2 }), silent()),
      () => w.volumes.remove(kept.id, kept.inputs, silent()),
    ];
    for (const attempt of attempts) {
      await rename(path, away);
      await expect(attempt()).rejects.toMatchObject(missing);
      // libvirt may have stopped the pool by now.
      await expect(start().volumes.read(kept.id, kept.inputs)).rejects.toMatchObject(gone);
      await rename(away, path);
      await restart().catch(() => undefined);
      expect(await start().volumes.read(kept.id, kept.inputs)).toBeDefined();
    }
    await rename(path, away);
    expect(await start().volumes.examine(vol("new", "fled", { size: "1MiB" }))).toEqual([
      { path: "pool", reason: expect.stringMatching(/is not there.*: .*/) },
    ]);
    await expect(w.pools.update(made.id, made.inputs, wanted, silent())).rejects.toMatchObject({
      failure: { where: { property: "path" }, hint: expect.stringMatching(/bring it back/i) },
    });
    const all = await Promise.allSettled([start(), start()].map((one) => one.volumes.read(kept.id, kept.inputs)));
    for (const one of all) expect(one).toMatchObject({ status: "rejected", reason: gone });
    await rename(away, path);
    await w.pools.update(made.id, made.inputs, wanted, silent());
    expect(await start().volumes.read(kept.id, kept.inputs)).toBeDefined();
    expect(await host.virsh("secret-list")).not.toContain("new");
    await w.volumes.remove(kept.id, kept.inputs, silent());
    await rename(path, away);
    await w.pools.remove(made.id, { ...wanted, onDelete: "delete" }, silent());
  });

  it("names a file system that cannot be written to, and changes nothing", async () => {
    const path = join(host.pools, "ro");
    await mkdir(path);
    await host.exec(["mount", "-t", "tmpfs", "-o", "size=16m", "ro", path]);
    const wanted = pool("ro");
    const made = await w.pools.create(wanted, silent());
    const formats = ["qcow2", "raw"] as const;
    const kept = await Promise.all(
      formats.map((format) => w.volumes.create(vol(format, "ro", { size: "1MiB", format }), silent())),
    );
    await host.exec(["mount", "-o", "remount,ro", path]);
    const refused = {
      where: { property: "pool" },
      fact: expect.stringMatching(/"ro".*read-only/),
      hint: expect.stringContaining("mount -o remount,rw"),
    };
    for (const { id, inputs } of kept) {
      const { format } = inputs;
      expect(await start().volumes.read(id, inputs)).toBeDefined();
      await expect(w.volumes.create(vol("new", "ro", { size: "1MiB", format }), silent())).rejects.toMatchObject(
        refused,
      );
      await expect(
        w.volumes.update(id, inputs, vol(format ?? "", "ro", { size: "2MiB", format }), silent()),
      ).rejects.toMatchObject({ failure: refused });
      await expect(w.volumes.remove(id, inputs, silent())).rejects.toMatchObject(refused);
    }
    await expect(w.volumes.create(vol("new", "ro", { source: images.qcow2 }), silent())).rejects.toMatchObject(refused);
    await expect(w.pools.create(pool("in", { path: join(path, "sub") }), silent())).rejects.toMatchObject({
      where: { property: "path" },
      hint: expect.stringContaining("remount,rw"),
    });
    expect(await host.virsh("secret-list")).not.toContain("new");
    await host.exec(["mount", "-o", "remount,rw", path]);
    for (const { id, inputs } of kept) await w.volumes.remove(id, inputs, silent());
    await w.pools.remove(made.id, made.inputs, silent());
  });
});
