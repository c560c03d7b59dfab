import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { blockDevice, freeDevice, prepareLvm, volumesLack } from "./pool-lab.js";
import { declare, MiB, makeImages, silent, type Worker, worker } from "./storage-lab.js";

const reason = requirements() ?? volumesLack();

describe.skipIf(reason !== undefined)(`volumes of a volume group${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  let w: Worker;
  let device: string;
  beforeAll(async () => {
    host = await startLibvirtd();
    await prepareLvm(host);
    device = await blockDevice(host, "disk", 200);
    w = worker(host.uri);
    const source = { devices: [device] };
    await w.pools.create(declare("StoragePool", w, { name: "vg", type: "logical", source, build: true }), silent());
  });
  beforeEach(() => w.host.inventory.forget());
  afterEach(async () => {
    await host.exec([
      "bash",
      "-c",
      "virsh destroy d; virsh undefine d; lvremove --force vg; virsh pool-refresh vg; true",
    ]);
  });
  afterAll(async () => {
    await w?.host.close();
    await host?.exec(["vgchange", "--activate", "n", "vg"]).catch(() => undefined);
    if (device !== undefined) freeDevice(device);
    await host?.stop();
  });
  const vol = (name: string, more: Record<string, unknown>) =>
    declare("Volume", w, { name, pool: "vg", format: "raw", ...more });
  const lvs = async () =>
    (await host.exec(["lvs", "--noheadings", "--options", "lv_name"])).split(/\s+/).filter(Boolean);

  it("are whole extents, without a difference to what was declared", async () => {
    const wanted = vol("v", { size: 5 * MiB });
    expect(await w.volumes.examine(wanted)).toEqual([]);
    const made = await w.volumes.create(wanted, silent());
    expect(made).toMatchObject({ inputs: { size: 5 * MiB }, outputs: { path: "/dev/vg/v", size: 8 * MiB } });
    expect((await w.volumes.observe(made.id, wanted))?.properties.provisioning).toBe("thick");
    expect(w.volumes.plan(made.inputs, wanted, await w.volumes.observe(made.id, wanted)).action).toBe("none");
    expect((await w.volumes.create(wanted, silent())).id).toBe(made.id);
    // The same extents.
    const more = vol("v", { size: 6 * MiB });
    expect(await w.volumes.examine(more, made.id, made.inputs)).toEqual([]);
    expect((await w.volumes.update(made.id, made.inputs, more, silent())).outputs.size).toBe(8 * MiB);

    await w.volumes.remove(made.id, made.inputs, silent());
    expect(await lvs()).toEqual([]);
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("do not grow through libvirt, and say how they do", async () => {
    const wanted = vol("v", { size: 8 * MiB });
    const made = await w.volumes.create(wanted, silent());
    const bigger = vol("v", { size: 16 * MiB });
    const why = expect.stringContaining(`lvextend --size ${16 * MiB}b /dev/vg/v`);
    expect(await w.volumes.examine(bigger, made.id, made.inputs)).toMatchObject([{ path: "size", reason: why }]);
    await expect(w.volumes.update(made.id, made.inputs, bigger, silent())).rejects.toMatchObject({
      failure: { code: "unsupported", where: { property: "size" } },
    });
    await host.exec(["lvextend", "--size", `${16 * MiB}b`, "/dev/vg/v"]);
    await host.virsh("pool-refresh", "vg");
    expect(await w.volumes.examine(bigger, made.id, made.inputs)).toEqual([]);
    expect((await w.volumes.update(made.id, made.inputs, bigger, silent())).outputs.size).toBe(16 * MiB);
  });

  it("start as an image, holes and all, and hold nothing when the image is cut short", async () => {
    const images = await makeImages(join(host.root, "images"));
    const wanted = vol("image", { source: images.raw, size: 60 * MiB });
    expect(await w.volumes.examine(wanted)).toEqual([]);
    const made = await w.volumes.create(wanted, silent());
    expect(made.outputs.size).toBe(60 * MiB);
    await host.exec(["cmp", "--bytes", String(48 * MiB), images.raw, "/dev/vg/image"]);
    expect(await lvs()).toEqual(["image"]);

    const odd = join(host.root, "odd.raw");
    await writeFile(odd, Buffer.alloc(3 * MiB + 512, 7));
    const small = await w.volumes.create(vol("odd", { source: odd }), silent());
    expect(small.outputs.size).toBe(4 * MiB);
    await host.exec(["cmp", "--bytes", String(3 * MiB + 512), odd, "/dev/vg/odd"]);

    const wrong = vol("wrong", { source: odd, sha256: "0".repeat(64) });
    await expect(w.volumes.create(wrong, silent())).rejects.toMatchObject({ where: { property: "sha256" } });
    expect(await lvs()).toEqual(["image", "odd"]);
  });

  it("are refused by name where a volume group cannot do it", async () => {
    const refused = async (name: string, more: Record<string, unknown>, path: string) => {
      const wanted = vol(name, more);
      expect(await w.volumes.examine(wanted)).toMatchObject([{ path }]);
      await expect(w.volumes.create(wanted, silent())).rejects.toMatchObject({ where: { property: path } });
    };
    await refused("q", { size: MiB, format: "qcow2" }, "format");
    await refused("a b", { size: MiB }, "name");
    expect(await w.volumes.examine(vol("big", { size: 400 * MiB }))).toMatchObject([{ path: "size" }]);
    expect(await lvs()).toEqual([]);
  });

  it("are disks of machines, and what lies over them and has them is known", async () => {
    const base = await w.volumes.create(vol("base", { size: 8 * MiB }), silent());
    const disk = `<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='${base.outputs.path}'/><target dev='vda' bus='virtio'/></disk>`;
    const xml = `<domain type='qemu'><name>d</name><memory>65536</memory><os><type>hvm</type></os><devices>${disk}</devices></domain>`;
    await host.exec(["bash", "-c", 'virsh define <(printf %s "$0") && virsh start d', xml]);
    await expect(w.volumes.remove(base.id, base.inputs, silent())).rejects.toMatchObject({ code: "busy" });
    const pool = await host.virsh("pool-uuid", "vg");
    await expect(w.pools.remove(pool.trim(), { name: "vg" }, silent())).rejects.toMatchObject({ code: "busy" });
    await host.virsh("destroy", "d");
    await host.virsh("undefine", "d");
    await w.volumes.remove(base.id, base.inputs, silent());
  });
});
