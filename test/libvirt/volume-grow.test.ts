import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { declare, defineMachine, disk, MiB, machine, run, silent, type Worker, workersOn } from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`growing volumes${reason === undefined ? "" : ` (${reason})`}`, () => {
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

  it("grows at rest and in a running machine, and never shrinks", async () => {
    const w = start();
    const at = async (name: string, bytes: number) => vol(w, name, { size: bytes });
    const made = await w.volumes.create(await at("grown", 16 * MiB), silent());
    const raw = await w.volumes.create(vol(w, "grown.raw", { size: "16MiB", format: "raw" }), silent());
    w.calls();
    const rest = await w.volumes.update(made.id, made.inputs, await at("grown", 32 * MiB), silent());
    expect(rest.outputs.size).toBe(32 * MiB);
    expect(w.calls()).toMatchObject({ "volume.resize": 1 });
    const bigger = vol(w, "grown.raw", { size: "32MiB", format: "raw" });
    expect((await w.volumes.update(raw.id, raw.inputs, bigger, silent())).outputs.size).toBe(32 * MiB);

    await define(machine("grower", disk(`file='${made.outputs.path}'`, "vda")));
    await host.virsh("start", "grower", "--paused");
    const live = await w.volumes.update(made.id, rest.inputs, await at("grown", 64 * MiB), silent());
    expect(live.outputs.size).toBe(64 * MiB);
    expect(w.calls()).toMatchObject({ "domain.blockResize": 1 });
    expect(await host.virsh("domblkinfo", "grower", "vda")).toMatch(/Capacity: +67108864/);

    const shrunk = await at("grown", 16 * MiB);
    expect(await start().volumes.examine(shrunk, made.id)).toEqual([
      {
        path: "size",
        reason: expect.stringMatching(/^must not be less than it is \(64MiB\), not 16MiB: .*make a new one/),
      },
    ]);
    await expect(w.volumes.update(made.id, live.inputs, shrunk, silent())).rejects.toMatchObject({
      failure: { code: "invalid", where: { property: "size" } },
    });
    await host.virsh("destroy", "grower");
    await host.virsh("undefine", "grower");
  });

  it("says why it does not grow what its guest has encrypted, and removes it", async () => {
    const w = start();
    const made = await w.volumes.create(vol(w, "luks", { size: "16MiB", format: "raw" }), silent());
    const header = Buffer.alloc(4096);
    header.write("LUKS\xba\xbe\0\x01", "latin1");
    header.write("aes", 8);
    header.writeUInt32BE(4096, 104);
    await writeFile(made.outputs.path, header, { flag: "r+" });
    await host.virsh("pool-refresh", "vols");
    expect(await host.virsh("vol-dumpxml", "--pool", "vols", "luks")).toContain("<encryption format='luks'>");
    expect((await start().volumes.read(made.id, made.inputs))?.inputs.format).toBe("raw");
    const bigger = vol(w, "luks", { size: made.outputs.size * 2, format: "raw" });
    await expect(w.volumes.update(made.id, made.inputs, bigger, silent())).rejects.toMatchObject({
      failure: { code: "unsupported", hint: expect.stringContaining("Start the virtual machine") },
    });
    await w.volumes.remove(made.id, made.inputs, silent());
    expect(await marks()).not.toContain(made.outputs.path);
  });

  it("refuses a qcow2 of version 2 with internal snapshots, and grows it when the remedy was taken", async () => {
    const w = start();
    const path = join(folder, "old");
    // libvirt makes version 2 where nobody says more.
    await host.virsh("vol-create-as", "vols", "old", "8M", "--format", "qcow2");
    const made = await w.volumes.create(vol(w, "old", { adopt: "old", size: "8MiB" }), silent());
    const larger = (bytes: number) => vol(w, "old", { size: bytes });
    const grown = await w.volumes.update(made.id, made.inputs, larger(16 * MiB), silent());
    await define(machine("snapped", disk(`file='${path}'`, "vda")));
    await host.virsh("snapshot-create-as", "snapped", "before");
    const refusal = {
      code: "unsupported",
      where: { property: "size" },
      fact: expect.stringMatching(/version 2 .*snapshot/),
      hint: expect.stringContaining(`qemu-img amend -f qcow2 -o compat=1.1 "${path}"`),
    };
    const wanted = larger(32 * MiB);
    expect(await start().volumes.examine(wanted, made.id)).toEqual([
      {
        path: "size",
        reason: expect.stringMatching(/version 2 .*the snapshot "before" of .*"snapped".*: .*qemu-img amend/),
      },
    ]);
    const attempt = () => w.volumes.update(made.id, grown.inputs, wanted, silent());
    await expect(attempt()).rejects.toMatchObject({ failure: refusal });
    await host.virsh("start", "snapped", "--paused");
    await expect(attempt()).rejects.toMatchObject({ failure: refusal });
    await host.virsh("destroy", "snapped");
    await host.virsh("snapshot-delete", "snapped", "before");
    expect(await start().volumes.examine(wanted, made.id)).toEqual([]);
    // What QEMU's own tools made libvirt does not know.
    await host.exec(["qemu-img", "snapshot", "-c", "unknown", path]);
    await expect(attempt()).rejects.toMatchObject({ failure: refusal });
    await host.exec(["qemu-img", "amend", "-f", "qcow2", "-o", "compat=1.1", path]);
    expect((await attempt()).outputs.size).toBe(32 * MiB);
    expect(await host.exec(["qemu-img", "snapshot", "-l", path])).toContain("unknown");
    await host.virsh("undefine", "snapped");
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("refuses what lies under an external snapshot of a machine, running or not, and grows it after the merge", async () => {
    const w = start();
    const made = await w.volumes.create(vol(w, "under", { size: "8MiB" }), silent());
    const { path } = made.outputs;
    await define(machine("chain", disk(`file='${path}'`, "vda")));
    await host.virsh("start", "chain", "--paused");
    const top = join(host.pools, "top.qcow2");
    await host.virsh("snapshot-create-as", "chain", "ext", "--disk-only", "--diskspec", `vda,file=${top}`);
    const wanted = vol(w, "under", { size: "16MiB" });
    const attempt = () => w.volumes.update(made.id, made.inputs, wanted, silent());
    const refused = async () => {
      expect(await start().volumes.examine(wanted, made.id)).toEqual([
        {
          path: "size",
          reason: expect.stringMatching(
            /^must stay as it is: .*"chain".*top\.qcow2.*: .*virsh blockcommit "chain" vda/,
          ),
        },
      ]);
      await expect(attempt()).rejects.toMatchObject({
        failure: {
          code: "busy",
          where: { property: "size" },
          fact: expect.stringMatching(/"chain".*top\.qcow2/),
          hint: expect.stringContaining("virsh blockcommit"),
        },
      });
    };
    await refused();
    await host.virsh("destroy", "chain");
    await refused();
    await host.virsh("start", "chain", "--paused");
    await host.virsh("blockcommit", "chain", "vda", "--active", "--pivot", "--wait");
    expect((await attempt()).outputs.size).toBe(16 * MiB);
    await host.virsh("destroy", "chain");
    await host.virsh("undefine", "chain", "--snapshots-metadata");
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("says who keeps it from growing when a program of the host has it open", async () => {
    const w = start();
    const made = await w.volumes.create(vol(w, "open", { size: "8MiB" }), silent());
    const gate = join(host.root, "gate");
    await host.exec(["mkfifo", gate]);
    const holding = host.exec([
      "bash",
      "-c",
      `exec 3<>${gate}; (read -r _ <&3) | qemu-io -f qcow2 "$0"`,
      made.outputs.path,
    ]);
    try {
      const look = () => host.exec(["qemu-img", "info", made.outputs.path]).catch(() => "locked");
      await expect.poll(look, { timeout: 20_000 }).toBe("locked");
      const attempt = () => w.volumes.update(made.id, made.inputs, vol(w, "open", { size: "16MiB" }), silent());
      await expect(attempt()).rejects.toMatchObject({
        failure: { code: "busy", where: { property: "size" }, hint: expect.stringContaining("lsof") },
      });
    } finally {
      await host.exec(["bash", "-c", `echo > ${gate}`]);
      await holding;
    }
    await w.volumes.remove(made.id, made.inputs, silent());
  });

  it("refuses to start as a larger copy of an image that cannot grow", async () => {
    const w = start();
    const source = join(host.root, "snapped.qcow2");
    await run("qemu-img", ["create", "-f", "qcow2", "-o", "compat=0.10", source, "8M"]);
    await run("qemu-img", ["snapshot", "-c", "inside", source]);
    const wanted = vol(w, "copy", { source, size: "16MiB" });
    const text = /version 2 .*snapshots/;
    expect(await start().volumes.examine(wanted)).toEqual([{ path: "size", reason: expect.stringMatching(text) }]);
    await expect(w.volumes.create(wanted, silent())).rejects.toMatchObject({
      where: { property: "size" },
      fact: expect.stringMatching(text),
    });
    expect(await marks()).not.toContain("copy");
    const made = await w.volumes.create(vol(w, "copy", { source }), silent());
    expect(made.outputs.size).toBe(8 * MiB);
    await w.volumes.remove(made.id, made.inputs, silent());
  });
});
