import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import {
  compare,
  declare,
  defineMachine,
  disk,
  MiB,
  machine,
  makeImages,
  run,
  silent,
  workersOn,
} from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`thick volumes${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  let images: Awaited<ReturnType<typeof makeImages>>;
  const { start, close } = workersOn(() => host);
  beforeAll(async () => {
    host = await startLibvirtd();
    images = await makeImages(join(host.root, "images"));
    const w = start();
    await w.pools.create(declare("StoragePool", w, { name: "vols", path: join(host.pools, "vols") }), silent());
  });
  afterAll(async () => {
    await close();
    await host?.stop();
  });
  const vol = (w: ReturnType<typeof start>, name: string, more: Record<string, unknown> = {}) =>
    declare("Volume", w, { name, pool: "vols", provisioning: "thick", ...more });
  const taken = async (path: string) => (await stat(path)).blocks * 512;

  it("take all of their size at once, and what they grow by at rest", async () => {
    const w = start();
    const made = await w.volumes.create(vol(w, "blank", { size: "16MiB" }), silent());
    const { path } = made.outputs;
    expect(await taken(path)).toBeGreaterThanOrEqual(16 * MiB);
    expect((await run("qemu-img", ["info", path])).stdout).toContain("file format: raw");
    const wanted = vol(w, "blank", { size: "24MiB" });
    const grown = await w.volumes.update(made.id, made.inputs, wanted, silent());
    expect(await taken(path)).toBeGreaterThanOrEqual(24 * MiB);
    // A guest that trims its disk gives room back, and the declaration still holds.
    await run("fallocate", ["--punch-hole", "--offset", "0", "--length", "8MiB", path]);
    await host.virsh("pool-refresh", "vols");
    const read = await start().volumes.read(made.id, grown.inputs, grown.outputs);
    expect(read?.inputs).toEqual(grown.inputs);
    expect(read?.outputs.allocation).toBeLessThan(24 * MiB);
    await w.volumes.remove(made.id, grown.inputs, silent());
  });

  it("grow through QEMU in a running machine", async () => {
    const w = start();
    const made = await w.volumes.create(vol(w, "open", { size: "16MiB" }), silent());
    await defineMachine(host, machine("open", disk(`file='${made.outputs.path}'`, "vda").replace("qcow2", "raw")));
    await host.virsh("start", "open", "--paused");
    const grown = await w.volumes.update(made.id, made.inputs, vol(w, "open", { size: "24MiB" }), silent());
    expect(grown.outputs.size).toBe(24 * MiB);
    await host.virsh("destroy", "open");
    await host.virsh("undefine", "open");
  });

  it.each([undefined, "48MiB"])("hold what their source holds, with the size %s", async (size) => {
    const w = start();
    const made = await w.volumes.create(vol(w, "system", { source: images.raw, size }), silent());
    const { path, size: whole } = made.outputs;
    await compare(images.raw, "raw", path, "raw");
    expect(await taken(path)).toBeGreaterThanOrEqual(whole);
    expect((await w.volumes.observe(made.id, made.inputs))?.properties).toMatchObject({
      format: "raw",
      provisioning: "thick",
    });
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("are refused at preview where they cannot be", async () => {
    const w = start();
    const refused = async (more: Record<string, unknown>) => w.volumes.examine(vol(w, "no", more));
    expect(await refused({ size: "90TiB" })).toEqual([
      {
        path: "size",
        reason: expect.stringMatching(/^it takes 90TiB, and the storage pool "vols" has .* free: free space/),
      },
    ]);
    expect(await refused({ source: images.qcow2 })).toEqual([
      {
        path: "provisioning",
        reason: expect.stringMatching(/must not be "thick".*has the format qcow2: leave it out, or conv/),
      },
    ]);
    expect(await refused({ source: images.raw, size: "90TiB" })).toContainEqual({
      path: "source",
      reason: expect.stringMatching(/^it takes .*, and the storage pool "vols" has/),
    });
    const problems = (more: Record<string, unknown>) =>
      w.volumes.check({ owner: "p/s", name: "no", provisioning: "thick", ...more }).problems;
    expect(problems({ size: "1MiB", format: "qcow2" })).toEqual([
      { path: "provisioning", reason: expect.stringMatching(/set format to "raw"/) },
    ]);
    expect(problems({ base: "/a" })).toEqual([
      { path: "provisioning", reason: expect.stringMatching(/holds only what differs/) },
    ]);
  });

  it("are not what a guest has filled to the end, unless it is raw", async () => {
    const w = start();
    for (const [format, seen] of [
      ["qcow2", "thin"],
      ["raw", "thick"],
    ] as const) {
      const made = await w.volumes.create(vol(w, format, { size: "1MiB", format, provisioning: undefined }), silent());
      await run("qemu-io", ["-f", format, "-c", "write -P 3 0 1M", made.outputs.path]);
      await host.virsh("pool-refresh", "vols");
      // As somebody finds it who adopts it.
      const now = await start().volumes.observe(made.id, { ...made.inputs, provisioning: undefined });
      expect(now?.properties.provisioning, format).toBe(seen);
      await w.volumes.remove(made.id, made.inputs, silent());
    }
  });

  it("are made anew where a thin one becomes thick, with the explicit word only", async () => {
    const w = start();
    const thin = await w.volumes.create(vol(w, "turn", { size: "4MiB", provisioning: undefined }), silent());
    const now = await w.volumes.observe(thin.id, thin.inputs);
    const plan = (more: Record<string, unknown>) =>
      w.volumes.plan(thin.inputs, vol(w, "turn", { size: "4MiB", ...more }), now);
    expect(() => plan({})).toThrow(/allowDataLoss/);
    expect(plan({ allowDataLoss: true }).action).toBe("replace");
    await w.volumes.remove(thin.id, thin.inputs, silent());
  });
});
