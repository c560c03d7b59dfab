import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { declare, MiB, silent, type Worker, worker } from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(
  `storage of libvirt's test driver${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let host: LibvirtHost;
    let w: Worker;
    beforeAll(async () => {
      host = await startLibvirtd();
      w = worker(`test:///default?socket=${host.socket}`);
    });
    afterAll(async () => {
      await w?.host.close();
      await host?.stop();
    });

    it("makes, changes and removes a pool with a volume, and refuses the volume that it cannot know", async () => {
      const wanted = declare("StoragePool", w, { name: "p", path: "/no/where/p" });
      expect(await w.pools.examine(wanted)).toEqual([]);
      const pool = await w.pools.create(wanted, silent());
      expect(pool.outputs.active).toBe(true);
      const manual = declare("StoragePool", w, { name: "p", path: "/no/where/p", autostart: false });
      expect((await w.pools.update(pool.id, pool.inputs, manual, silent())).inputs.autostart).toBe(false);

      const volume = declare("Volume", w, { name: "v", pool: pool.id, size: "8MiB" });
      expect(await w.volumes.examine(volume)).toEqual([]);
      const made = await w.volumes.create(volume, silent());
      expect(made).toMatchObject({ id: "p/v", outputs: { path: "/no/where/p/v", size: 8 * MiB } });
      const over = await w.volumes.create(
        declare("Volume", w, { name: "o", pool: "p", base: made.outputs.path }),
        silent(),
      );
      expect(over.inputs.base).toBe(made.outputs.path);
      await expect(w.volumes.create(volume, silent())).rejects.toMatchObject({ code: "exists" });
      for (const { id, inputs } of [over, made]) {
        await w.volumes.remove(id, inputs, silent());
        expect(await w.volumes.read(id, inputs)).toBeUndefined();
        await w.volumes.remove(id, inputs, silent());
      }
      await w.pools.remove(pool.id, manual, silent());
      expect(await w.pools.read(pool.id, manual)).toBeUndefined();
      await w.pools.remove(pool.id, manual, silent());
    });

    it("makes pools of volume groups and of file servers, and reads them back", async () => {
      const group = declare("StoragePool", w, { name: "g", type: "logical", source: { name: "testvg1" } });
      expect(await w.pools.examine(group)).toEqual([]);
      const nowhere = declare("StoragePool", w, { name: "h", type: "logical" });
      expect(await w.pools.examine(nowhere)).toMatchObject([{ path: "name", reason: expect.stringContaining('"h"') }]);
      const source = { host: "nas", path: "/srv/images", format: "nfs", options: ["nfsvers=4.2", "noatime"] };
      const share = declare("StoragePool", w, { name: "s", type: "netfs", path: "/no/where/s", source });
      for (const wanted of [group, share]) {
        const made = await w.pools.create(wanted, silent());
        expect(made.outputs.active).toBe(true);
        expect(w.pools.plan(made.inputs, wanted, await w.pools.observe(made.id, wanted)).action).toBe("none");
        const other = {
          ...wanted,
          source: { ...wanted.source, ...(wanted === group ? { name: "testvg2" } : { host: "b" }) },
        };
        expect(w.pools.plan(made.inputs, other, await w.pools.observe(made.id, wanted)).action).toBe("replace");
        await expect(w.pools.create(other, silent())).rejects.toMatchObject({ code: "exists" });
        expect((await w.pools.create(wanted, silent())).id).toBe(made.id);
      }
      expect(await w.pools.examine(declare("StoragePool", w, { ...share, name: "t", path: "/t" }))).toMatchObject([
        { path: "source.path", reason: expect.stringContaining('"s"') },
      ]);

      const raw = declare("Volume", w, { name: "v", pool: "g", size: "8MiB", format: "raw" });
      expect(await w.volumes.examine(raw)).toEqual([]);
      expect(await w.volumes.create(raw, silent())).toMatchObject({ outputs: { path: "/dev/testvg1/v" } });
      for (const [path, more] of [
        ["format", { format: "qcow2" }],
        ["base", { base: "/dev/testvg1/v", format: "qcow2" }],
        ["name", { name: "a b" }],
        ["size", { size: "1TiB" }],
      ] as const) {
        const wrong = declare("Volume", w, { ...raw, name: "w", ...more });
        expect((await w.volumes.examine(wrong)).map((p) => p.path)).toContain(path);
        if (path !== "size")
          await expect(w.volumes.create(wrong, silent())).rejects.toMatchObject({ where: { property: path } });
      }
      const grown = declare("Volume", w, { ...raw, size: "64MiB" });
      expect(await w.volumes.examine(grown, "g/v", raw)).toMatchObject([
        { path: "size", reason: expect.stringContaining("lvextend") },
      ]);
    });

    it("says that it cannot store a source, and leaves nothing", async () => {
      const source = declare("Volume", w, { name: "s", pool: "default-pool", source: __filename, format: "raw" });
      await expect(w.volumes.create(source, silent())).rejects.toMatchObject({ code: "unsupported" });
      expect(await w.volumes.read("default-pool/s", source)).toBeUndefined();
    });
  },
);
