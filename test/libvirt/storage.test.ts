import { existsSync } from "node:fs";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pools } from "../../provider/backends/libvirt/rpc/index.js";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { declare, silent, type Worker, workersOn } from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`storage pools of libvirt${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  const { start, close } = workersOn(() => host);
  beforeAll(async () => {
    host = await startLibvirtd();
  });
  afterAll(async () => {
    await close();
    await host?.stop();
  });
  const pool = (w: Worker, name: string, more: Record<string, unknown> = {}) =>
    declare("StoragePool", w, { name, path: join(host.pools, name), ...more });

  it("makes the directory, starts it, starts it with the host and changes that, in few calls", async () => {
    const w = start();
    await w.host.session.call(pools.list, { flags: 0 });
    w.calls();
    const made = await w.pools.create(pool(w, "plain"), silent());
    expect(w.calls()).toEqual({
      "pool.byUuid": 2,
      "pool.define": 1,
      "pool.build": 1,
      "pool.create": 1,
      "pool.setAutostart": 1,
      "pool.xml": 1,
      "pool.info": 1,
      "pool.autostart": 1,
    });
    expect((await stat(join(host.pools, "plain"))).mode & 0o777).toBe(0o711);
    expect(made.outputs.active).toBe(true);
    expect(Number(made.outputs.available)).toBeGreaterThan(0);
    expect(await host.virsh("pool-info", "plain")).toMatch(/State: +running[\s\S]*Autostart: +yes/);
    const changed = await w.pools.update(made.id, made.inputs, pool(w, "plain", { autostart: false }), silent());
    expect(changed.inputs.autostart).toBe(false);
    expect(await host.virsh("pool-info", "plain")).toMatch(/Autostart: +no/);
  });

  it("is found by its name, its id in any case and its directory in any spelling, started or not", async () => {
    const w = start();
    const made = await w.pools.create(pool(w, "words"), silent());
    const path = join(host.pools, "words");
    for (const state of ["started", "stopped"]) {
      for (const word of ["words", made.id, made.id.toUpperCase(), path, `${path}/`])
        expect(await start().pools.find(word), `${word} ${state}`).toBe(made.id);
      expect(await start().pools.find(`${path}/below`)).toBeUndefined();
      expect(await start().pools.find("word")).toBeUndefined();
      if (state === "started") await host.virsh("pool-destroy", "words");
    }
  });

  it("leaves a directory that exists as it is", async () => {
    const w = start();
    const path = join(host.pools, "old");
    await mkdir(path, { mode: 0o750 });
    await writeFile(join(path, "kept.raw"), "data");
    await w.pools.create(pool(w, "old"), silent());
    expect((await stat(path)).mode & 0o777).toBe(0o750);
    expect(existsSync(join(path, "kept.raw"))).toBe(true);
  });

  it("goes on with a creation that was broken off, and starts what was stopped", async () => {
    const w = start();
    const made = await w.pools.create(pool(w, "again"), silent());
    await host.virsh("pool-destroy", "again");
    expect((await w.pools.read(made.id, made.inputs))?.outputs.active).toBe(false);
    const second = await start().pools.create(pool(w, "again"), silent());
    expect(second.id).toBe(made.id);
    expect(second.outputs.active).toBe(true);
  });

  it("refuses a foreign name and a directory that another pool has, before and at creation, and adopts on request", async () => {
    const w = start();
    await host.virsh("pool-define-as", "foreign", "dir", "--target", join(host.pools, "foreign"));
    const mine = pool(w, "foreign", { path: join(host.pools, "elsewhere") });
    expect(await w.pools.examine(mine)).toEqual([
      { path: "name", reason: expect.stringMatching(/^is taken by another storage pool .* set adopt to/) },
    ]);
    await expect(w.pools.create(mine, silent())).rejects.toMatchObject({ code: "exists", where: { property: "name" } });
    expect(existsSync(join(host.pools, "elsewhere"))).toBe(false);
    const there = pool(w, "mine", { path: join(host.pools, "foreign") });
    expect(await start().pools.examine(there)).toEqual([
      { path: "path", reason: expect.stringMatching(/^is the directory of the storage pool "foreign" already/) },
    ]);
    await expect(w.pools.create(there, silent())).rejects.toMatchObject({
      code: "exists",
      where: { property: "path" },
    });
    const taken = pool(w, "foreign", { adopt: "foreign" });
    expect(await start().pools.examine(taken)).toEqual([]);
    const adopted = await w.pools.create(taken, silent());
    expect(adopted.outputs.active).toBe(false);
    expect(adopted.inputs.path).toBe(join(host.pools, "foreign"));
  });

  it("takes back a pool that cannot be started", async () => {
    const w = start();
    await writeFile(join(host.pools, "file"), "");
    const wanted = pool(w, "nowhere", { path: join(host.pools, "file", "below") });
    await expect(w.pools.create(wanted, silent())).rejects.toMatchObject({ code: "failed" });
    expect(await host.virsh("pool-list", "--all", "--name")).not.toContain("nowhere");
  });

  it("keeps the data, unless it is told to delete an empty directory", async () => {
    const w = start();
    const kept = await w.pools.create(pool(w, "kept"), silent());
    await host.virsh("vol-create-as", "kept", "data.raw", "1M", "--format", "raw");
    await w.pools.remove(kept.id, kept.inputs, silent());
    expect(existsSync(join(host.pools, "kept", "data.raw"))).toBe(true);
    await w.pools.remove(kept.id, kept.inputs, silent());

    const wanted = pool(w, "kept", { onDelete: "delete" });
    const again = await w.pools.create(wanted, silent());
    await expect(w.pools.remove(again.id, wanted, silent())).rejects.toMatchObject({
      code: "busy",
      fact: expect.stringContaining('"data.raw"'),
    });
    expect(await host.virsh("pool-info", "kept")).toMatch(/State: +running/);
    await rm(join(host.pools, "kept", "data.raw"));
    await mkdir(join(host.pools, "kept", "folder"));
    await expect(w.pools.remove(again.id, wanted, silent())).rejects.toMatchObject({ code: "busy" });
    expect(await host.virsh("pool-info", "kept")).toMatch(/State: +running/);
    await rm(join(host.pools, "kept", "folder"), { recursive: true });
    await w.pools.remove(again.id, wanted, silent());
    expect(existsSync(join(host.pools, "kept"))).toBe(false);
    expect(await w.pools.read(again.id, wanted)).toBeUndefined();
  });
});
