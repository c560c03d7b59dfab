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

    it("says that it cannot store a source, and leaves nothing", async () => {
      const source = declare("Volume", w, { name: "s", pool: "default-pool", source: __filename, format: "raw" });
      await expect(w.volumes.create(source, silent())).rejects.toMatchObject({ code: "unsupported" });
      expect(await w.volumes.read("default-pool/s", source)).toBeUndefined();
    });
  },
);
