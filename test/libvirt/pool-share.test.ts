import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { glusterLacks, nfsLacks, SERVER, serveGluster, serveNfs } from "./pool-lab.js";
import { declare, MiB, makeImages, silent, type Worker, worker } from "./storage-lab.js";

interface Share {
  readonly lacks: string | undefined;
  readonly serve: (host: LibvirtHost) => Promise<void>;
  readonly format: string;
  /** What the server offers, and what it does not. */
  readonly offered: string;
  readonly missing: string;
  readonly options: readonly string[];
}

const shares: readonly Share[] = [
  {
    lacks: glusterLacks(),
    serve: serveGluster,
    format: "glusterfs",
    offered: "images",
    missing: "nothing",
    options: ["log-level=WARNING"],
  },
  {
    lacks: nfsLacks(),
    serve: serveNfs,
    format: "nfs",
    offered: "/images",
    missing: "/nothing",
    options: ["nfsvers=4.2"],
  },
];

describe.each(shares)("storage pools on a file server: $format", ({ lacks, serve, format, ...share }) => {
  const reason = requirements() ?? lacks;
  const skipped = reason === undefined ? "" : ` (${reason})`;

  describe.skipIf(reason !== undefined)(`with a server${skipped}`, () => {
    let host: LibvirtHost;
    let w: Worker;
    beforeAll(async () => {
      host = await startLibvirtd();
      await serve(host);
      w = worker(host.uri);
    });
    afterAll(async () => {
      await w?.host.close();
      await host?.stop();
    });
    const pool = (name: string, path: string, more: Record<string, unknown> = {}) => {
      const source = { host: SERVER, path, format, options: share.options, ...more };
      return declare("StoragePool", w, { name, type: "netfs", path: join(host.pools, name), source });
    };
    const mounts = () => host.exec(["cat", "/proc/self/mounts"]);

    it("are mounted with their options, hold volumes, and leave them on the server", async () => {
      const wanted = pool("share", share.offered);
      expect(await w.pools.examine(wanted)).toEqual([]);
      const made = await w.pools.create(wanted, silent());
      expect(made.outputs.active).toBe(true);
      expect(Number(made.outputs.capacity)).toBeGreaterThan(0);
      expect(await mounts()).toContain(join(host.pools, "share"));
      expect(w.pools.plan(made.inputs, wanted, await w.pools.observe(made.id, wanted)).action).toBe("none");
      expect((await w.pools.create(wanted, silent())).id).toBe(made.id);

      const images = await makeImages(join(host.root, "images"));
      const volume = declare("Volume", w, { name: "v.qcow2", pool: made.id, source: images.qcow2, size: "60MiB" });
      expect(await w.volumes.examine(volume)).toEqual([]);
      const kept = await w.volumes.create(volume, silent());
      const bigger = declare("Volume", w, { name: "v.qcow2", pool: made.id, source: images.qcow2, size: "64MiB" });
      const grown = await w.volumes.update(kept.id, kept.inputs, bigger, silent());
      expect(grown.outputs).toMatchObject({ size: 64 * MiB, path: join(host.pools, "share", "v.qcow2") });

      await w.pools.remove(made.id, { ...made.inputs, onDelete: "delete" }, silent());
      expect(await mounts()).not.toContain(join(host.pools, "share"));
      expect(await readdir(join(host.pools, "share"))).toEqual([]);
      const again = await w.pools.create(wanted, silent());
      const back = await w.volumes.read(kept.id, bigger);
      expect(back).toMatchObject({ outputs: { size: 64 * MiB } });
      await host.exec(["qemu-img", "check", kept.outputs.path]);
      await w.volumes.remove(kept.id, grown.inputs, silent());
      await w.pools.remove(again.id, again.inputs, silent());
    });

    it("say why they cannot be mounted, and leave nothing", async () => {
      const failed = await w.pools.create(pool("missing", share.missing), silent()).catch((error: unknown) => error);
      expect(failed).toMatchObject({ where: { property: "source.path" }, hint: expect.any(String) });
      expect((await host.virsh("pool-list", "--all", "--name")).trim()).toBe("");
    });

    it("are not stopped while a file in them is open", async () => {
      const made = await w.pools.create(pool("busy", share.offered), silent());
      const file = join(host.pools, "busy", "open");
      const gate = join(host.root, "gate");
      await host.exec(["mkfifo", gate]);
      const held = host.exec(["bash", "-c", `exec 3>${file}; read -r _ <${gate}`]);
      try {
        await expect.poll(() => host.exec(["ls", join(host.pools, "busy")])).toContain("open");
        await expect(w.pools.remove(made.id, made.inputs, silent())).rejects.toMatchObject({ code: "busy" });
        expect(await mounts()).toContain(join(host.pools, "busy"));
      } finally {
        await host.exec(["bash", "-c", `echo >${gate}`]);
        await held;
      }
      await host.exec(["rm", file]);
      await w.pools.remove(made.id, made.inputs, silent());
    });
  });
});

const bare = requirements();

describe.skipIf(bare !== undefined)(
  `a file server that no host can use${bare === undefined ? "" : ` (${bare})`}`,
  () => {
    it("is told by the property that is wrong", async () => {
      const host = await startLibvirtd();
      const w = worker(host.uri);
      try {
        const source = { host: SERVER, path: "share", format: "cifs" };
        const path = join(host.pools, "cifs");
        const wanted = declare("StoragePool", w, { name: "cifs", type: "netfs", path, source });
        const error = await w.pools.create(wanted, silent()).catch((failure: unknown) => failure);
        // Without mount.cifs or the kernel's module it is the protocol, with both the server that nobody is.
        expect(["source.format", "source.host"]).toContain((error as { where: { property: string } }).where.property);
        expect((await host.virsh("pool-list", "--all", "--name")).trim()).toBe("");
      } finally {
        await w.host.close();
        await host.stop();
      }
    });
  },
);
