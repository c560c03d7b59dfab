import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pools } from "../../provider/backends/libvirt/rpc/index.js";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { declare, defineMachine, disk, MiB, machine, run, silent, type Worker, workersOn } from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`volumes of libvirt${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  let folder: string;
  const { start, close } = workersOn(() => host);
  beforeAll(async () => {
    host = await startLibvirtd();
    folder = join(host.pools, "vols");
    const w = start();
    await w.pools.create(declare("StoragePool", w, { name: "vols", path: folder }), silent());
  });
  afterAll(async () => {
    await close();
    await host?.stop();
  });
  const vol = (w: Worker, name: string, more: Record<string, unknown> = {}) =>
    declare("Volume", w, { name, pool: "vols", ...more });
  const define = (xml: string) => defineMachine(host, xml);
  const marks = () => host.virsh("secret-list");

  it("makes an empty one in few calls, with a mark, and removes both", async () => {
    const w = start();
    await w.host.session.call(pools.list, { flags: 0 });
    w.calls();
    const made = await w.volumes.create(vol(w, "blank", { size: "64MiB" }), silent());
    expect(w.calls()).toEqual({
      "pool.byName": 1,
      "pool.xml": 1,
      "pool.volumes": 1,
      "volume.xml": 1,
      "secret.define": 1,
      "volume.create": 1,
    });
    expect(made.id).toBe("vols/blank");
    expect(made.outputs).toMatchObject({ path: join(folder, "blank"), size: 64 * MiB });
    expect(made.outputs.allocation).toBeLessThan(MiB);
    expect(await marks()).toContain(join(folder, "blank"));
    expect((await run("qemu-img", ["info", join(folder, "blank")])).stdout).toMatch(/compat: 1\.1/);
    w.calls();
    await w.volumes.remove(made.id, made.inputs, silent());
    expect(w.calls()).toMatchObject({ "volume.delete": 1, "secret.undefine": 1, "domain.allStats": 1 });
    expect(existsSync(join(folder, "blank"))).toBe(false);
    expect(await marks()).not.toContain(join(folder, "blank"));
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("means the same pool by name, id and directory", async () => {
    const w = start();
    const uuid = (await host.virsh("pool-uuid", "vols")).trim();
    for (const pool of ["vols", uuid, folder, `${folder}/`]) {
      const made = await w.volumes.create(vol(w, "anywhere", { pool, size: "1MiB", format: "raw" }), silent());
      expect(made.id).toBe("vols/anywhere");
      expect(made.inputs.pool).toBe(pool);
      await w.volumes.remove(made.id, made.inputs, silent());
    }
    for (const pool of ["no such", "/no/such"]) {
      const wanted = vol(w, "x", { pool, size: "1MiB" });
      expect(await start().volumes.examine(wanted)).toEqual([
        { path: "pool", reason: expect.stringMatching(/no storage pool.*declare a StoragePool/) },
      ]);
      await expect(w.volumes.create(wanted, silent())).rejects.toMatchObject({ where: { property: "pool" } });
    }
  });

  it("lays one over another, which then can neither be deleted nor grown", async () => {
    const w = start();
    const base = await w.volumes.create(vol(w, "base", { size: "32MiB" }), silent());
    const { path } = base.outputs;
    await run("qemu-io", ["-f", "qcow2", "-c", "write -P 3 0 1M", path]);
    const small = vol(w, "over", { base: path, size: "16MiB" });
    expect(await start().volumes.examine(small)).toEqual([
      { path: "size", reason: expect.stringMatching(/^16MiB is smaller than the base, which has 32MiB: set size to/) },
    ]);
    await expect(w.volumes.create(small, silent())).rejects.toMatchObject({ code: "invalid" });
    expect(await marks()).not.toContain(join(folder, "over"));
    const over = await w.volumes.create(vol(w, "over", { base: path }), silent());
    expect(over.outputs.size).toBe(32 * MiB);
    expect(over.inputs.base).toBe(path);
    await run("qemu-io", ["-f", "qcow2", "-c", "read -P 3 0 1M", "-c", "write -P 4 1M 1M", over.outputs.path]);
    await run("qemu-io", ["-f", "qcow2", "-c", "read -P 0 1M 1M", path]);
    const refusal = { code: "busy", fact: expect.stringContaining('"vols/over"') };
    await expect(start().volumes.remove(base.id, base.inputs, silent())).rejects.toMatchObject(refusal);
    expect(await start().volumes.examine(vol(w, "base", { size: "64MiB" }), base.id)).toEqual([
      { path: "size", reason: 'must stay as it is: the volume "vols/over" lies over it' },
    ]);
    expect(existsSync(path)).toBe(true);
    await w.volumes.remove(over.id, over.inputs, silent());
    await w.volumes.remove(base.id, base.inputs, silent());
    expect(await start().volumes.examine(vol(w, "over", { base: path }))).toEqual([
      { path: "base", reason: expect.stringContaining("no started storage pool has a volume") },
    ]);
  });

  it("refuses a foreign one before and at creation, leaves it alone, and adopts it on request", async () => {
    const w = start();
    await host.virsh("vol-create-as", "vols", "foreign", "8M", "--format", "qcow2");
    const wanted = vol(w, "foreign", { size: "8MiB" });
    expect(await start().volumes.examine(wanted)).toEqual([
      { path: "name", reason: expect.stringMatching(/exists in the storage pool "vols" and is not ours: set adopt/) },
    ]);
    await expect(w.volumes.create(wanted, silent())).rejects.toMatchObject({ code: "exists" });
    expect(await marks()).not.toContain(join(folder, "foreign"));
    for (const adopt of ["foreign", "vols/foreign", join(folder, "foreign")]) {
      const taken = vol(w, "foreign", { size: "8MiB", adopt });
      expect(await start().volumes.examine(taken)).toEqual([]);
      expect(await w.volumes.create(taken, silent())).toMatchObject({ id: "vols/foreign", inputs: { size: 8 * MiB } });
    }
    await expect(w.volumes.create(vol(w, "n", { size: "8MiB", adopt: "n" }), silent())).rejects.toMatchObject({
      where: { property: "adopt" },
    });
    await w.volumes.remove("vols/foreign", wanted, silent());
    expect(existsSync(join(folder, "foreign"))).toBe(false);
  });

  it("goes on with its own, and not with that of another owner", async () => {
    const w = start();
    const made = await w.volumes.create(vol(w, "mine", { size: "8MiB" }), silent());
    expect(await start().volumes.examine(vol(w, "mine", { size: "8MiB" }))).toEqual([]);
    expect((await start().volumes.create(vol(w, "mine", { size: "8MiB" }), silent())).id).toBe(made.id);
    const theirs = vol(w, "mine", { size: "8MiB", owner: "other/stack" });
    await expect(w.volumes.create(theirs, silent())).rejects.toMatchObject({ code: "exists" });
    const passed = await w.volumes.update(made.id, made.inputs, theirs, silent());
    expect((await w.volumes.create(theirs, silent())).id).toBe(made.id);
    await expect(w.volumes.create(vol(w, "mine", { size: "8MiB" }), silent())).rejects.toMatchObject({
      code: "exists",
    });
    await rm(made.outputs.path);
    await host.virsh("pool-refresh", "vols");
    await expect(w.volumes.create(vol(w, "mine", { size: "8MiB" }), silent())).rejects.toMatchObject({
      code: "exists",
      hint: expect.stringContaining("secret-undefine"),
    });
    await w.volumes.remove(passed.id, passed.inputs, silent());
    expect(await marks()).not.toContain(join(folder, "mine"));
  });

  it("is not deleted while a machine has it, running or not, by path or by name, now or at its next start", async () => {
    const w = start();
    const made = await w.volumes.create(vol(w, "held", { size: "8MiB" }), silent());
    const below = await w.volumes.create(vol(w, "below", { size: "8MiB" }), silent());
    const { path } = made.outputs;
    const refused = async (id: string, name: string) => {
      const attempt = start().volumes.remove(id, made.inputs, silent());
      await expect(attempt).rejects.toMatchObject({ code: "busy", fact: expect.stringContaining(`"${name}"`) });
    };
    await define(machine("byPath", disk(`file='${path}'`, "vda")));
    await refused(made.id, "byPath");
    await host.virsh("start", "byPath");
    await refused(made.id, "byPath");
    await host.virsh("detach-disk", "byPath", "vda", "--config");
    await refused(made.id, "byPath");
    await host.virsh("destroy", "byPath");
    await host.virsh("undefine", "byPath");
    await define(machine("byName", disk("pool='vols' volume='held'", "vdb")));
    await refused(made.id, "byName");
    await host.virsh("undefine", "byName");
    const outside = join(host.pools, "outside.qcow2");
    await run("qemu-img", ["create", "-f", "qcow2", "-F", "qcow2", "-b", below.outputs.path, outside]);
    await define(machine("chained", disk(`file='${outside}'`, "vda")));
    await host.virsh("start", "chained");
    await refused(below.id, "chained");
    await define(machine("later", ""));
    await host.virsh("start", "later");
    await define(
      machine("later", disk(`file='${path}'`, "vda")).replace(
        "<name>",
        `<uuid>${(await host.virsh("domuuid", "later")).trim()}</uuid><name>`,
      ),
    );
    await refused(made.id, "later");
    for (const name of ["chained", "later"]) {
      await host.virsh("destroy", name);
      await host.virsh("undefine", name);
    }
    await w.volumes.remove(made.id, made.inputs, silent());
    await w.volumes.remove(below.id, below.inputs, silent());
    expect(existsSync(path)).toBe(false);
  });

  it("is gone only when the host says so", async () => {
    const w = start();
    const path = join(host.pools, "fragile");
    const pool = await w.pools.create(declare("StoragePool", w, { name: "fragile", path }), silent());
    const made = await w.volumes.create(vol(w, "v", { pool: "fragile", size: "1MiB" }), silent());
    for (const one of [w, start()]) expect(await one.volumes.read(made.id, made.inputs)).toBeDefined();
    await host.virsh("pool-destroy", "fragile");
    const lost = { code: "hidden", where: { property: "pool" } };
    for (const one of [w, start()]) {
      await expect(one.volumes.read(made.id, made.inputs)).rejects.toMatchObject({
        ...lost,
        fact: expect.stringContaining("stopped"),
      });
    }
    expect(await start().volumes.examine(vol(w, "new", { pool: "fragile", size: "1MiB" }))).toEqual([
      { path: "pool", reason: expect.stringContaining("is stopped: start it") },
    ]);
    await host.virsh("pool-undefine", "fragile");
    for (const one of [w, start()]) await expect(one.volumes.read(made.id, made.inputs)).rejects.toMatchObject(lost);
    await expect(w.volumes.remove(made.id, made.inputs, silent())).rejects.toMatchObject(lost);
    await w.pools.create(declare("StoragePool", w, { name: "fragile", path }), silent());
    for (const one of [w, start()]) expect(await one.volumes.read(made.id, made.inputs)).toBeDefined();
    await rm(made.outputs.path);
    for (const one of [w, start()]) expect(await one.volumes.read(made.id, made.inputs)).toBeUndefined();
    await w.volumes.remove(made.id, made.inputs, silent());
    expect(await marks()).not.toContain(made.outputs.path);
    expect(await readdir(path)).toEqual([]);
    await w.pools.remove(pool.id, pool.inputs, silent());
  });

  it("refreshes many with one call each and five for the pool", async () => {
    const w = start();
    const names = Array.from({ length: 12 }, (_, i) => `many${i}`);
    const made = await Promise.all(names.map((name) => w.volumes.create(vol(w, name, { size: "1MiB" }), silent())));
    const reader = start();
    await Promise.all(made.map(({ id, inputs }) => reader.volumes.read(id, inputs)));
    const {
      "volume.xml": each,
      "pool.list": lists,
      "pool.refresh": refreshed,
      "pool.volumes": listed,
    } = reader.calls();
    expect({ each, lists, refreshed, listed }).toEqual({ each: 12, lists: 3, refreshed: 1, listed: 1 });
    for (const { id, inputs } of made) await w.volumes.remove(id, inputs, silent());
  });

  it("does not disturb machines by its mark", async () => {
    const w = start();
    const made = await w.volumes.create(vol(w, "marked", { size: "8MiB" }), silent());
    await define(machine("user", disk(`file='${made.outputs.path}'`, "vda")));
    await host.virsh("start", "user");
    await host.virsh("pool-refresh", "vols");
    expect(await host.virsh("dumpxml", "user")).not.toMatch(/<secret|<encryption/);
    expect(await host.virsh("vol-dumpxml", "--pool", "vols", "marked")).not.toMatch(/<secret|<encryption/);
    await host.virsh("destroy", "user");
    await host.virsh("undefine", "user");
    await w.volumes.remove(made.id, made.inputs, silent());
  });
});
