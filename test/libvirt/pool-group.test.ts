import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { blockDevice, freeDevice, groupsLack, prepareLvm } from "./pool-lab.js";
import { declare, silent, type Worker, worker } from "./storage-lab.js";

const reason = requirements() ?? groupsLack();

describe.skipIf(reason !== undefined)(
  `storage pools that are volume groups${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let host: LibvirtHost;
    let w: Worker;
    const devices: string[] = [];
    const device = async (name: string) => {
      const made = await blockDevice(host, name, 24);
      devices.push(made);
      return made;
    };
    beforeAll(async () => {
      host = await startLibvirtd();
      await prepareLvm(host);
      w = worker(host.uri);
    });
    afterAll(async () => {
      await w?.host.close();
      for (const made of devices) freeDevice(made);
      await host?.stop();
    });
    const pool = (name: string, more: Record<string, unknown> = {}) =>
      declare("StoragePool", w, { name, type: "logical", ...more });
    const groups = async () =>
      (await host.exec(["vgs", "--noheadings", "--options", "vg_name"])).split(/\s+/).filter(Boolean);

    it("are made of empty devices when the word is said, and stay when the pool goes", async () => {
      const source = { devices: [await device("one")] };
      expect(await w.pools.examine(pool("cvr-made", { source }))).toMatchObject([{ path: "name" }]);
      await expect(w.pools.create(pool("cvr-made", { source }), silent())).rejects.toMatchObject({
        where: { property: "name" },
      });
      expect(await groups()).toEqual([]);

      const wanted = pool("cvr-made", { source, build: true });
      expect(await w.pools.examine(wanted)).toEqual([]);
      const made = await w.pools.create(wanted, silent());
      expect(made.outputs).toMatchObject({ active: true, capacity: made.outputs.available });
      expect(await groups()).toEqual(["cvr-made"]);
      expect(await w.pools.read(made.id, made.inputs)).toMatchObject({ inputs: { source, type: "logical" } });
      expect(w.pools.plan(made.inputs, wanted, await w.pools.observe(made.id, wanted)).action).toBe("none");
      // Once more: it is there, and nothing is built.
      expect((await w.pools.create(wanted, silent())).id).toBe(made.id);

      await w.pools.remove(made.id, made.inputs, silent());
      expect(await host.virsh("pool-list", "--all", "--name")).not.toContain("cvr-made");
      expect(await groups()).toEqual(["cvr-made"]);
    });

    it("are taken over as they are, and only on the devices that are declared", async () => {
      const [own, other] = [await device("two"), await device("three")];
      await host.exec(["vgcreate", "cvr-theirs", own]);
      const source = { name: "cvr-theirs" };
      w.host.inventory.forget();
      expect(await w.pools.examine(pool("fast", { source: { ...source, devices: [other] } }))).toMatchObject([
        { path: "source.devices[0]", reason: expect.stringContaining(`lies on ${own}`) },
      ]);
      const wrong = pool("fast", { source: { ...source, devices: [other] } });
      await expect(w.pools.create(wrong, silent())).rejects.toMatchObject({ where: { property: "source.devices[0]" } });
      const made = await w.pools.create(pool("fast", { source: { ...source, devices: [own] }, build: true }), silent());
      expect(made.outputs.active).toBe(true);
      expect(await w.pools.examine(pool("again", { source }))).toMatchObject([
        { path: "source.name", reason: expect.stringContaining('"fast"') },
      ]);
      await expect(w.pools.create(pool("again", { source }), silent())).rejects.toMatchObject({
        where: { property: "source.name" },
      });
      await w.pools.remove(made.id, { ...made.inputs, onDelete: "delete" }, silent());
      expect(await groups()).toContain("cvr-theirs");
    });

    it("are never made over what is there: a file system, another group, a machine's disk", async () => {
      const used = await device("four");
      await host.exec(["mkfs.ext4", "-q", used]);
      const before = await host.exec(["sha256sum", used]);
      const wanted = pool("cvr-over", { source: { devices: [used] }, build: true });
      await expect(w.pools.create(wanted, silent())).rejects.toMatchObject({
        code: "exists",
        where: { property: "source.devices" },
        hint: expect.stringContaining("wipefs"),
      });
      expect(await host.exec(["sha256sum", used])).toBe(before);
      expect(await host.virsh("pool-list", "--all", "--name")).not.toContain("cvr-over");

      const taken = await device("five");
      await host.exec(["vgcreate", "cvr-owner", taken]);
      const over = pool("cvr-over", { source: { devices: [taken] }, build: true });
      w.host.inventory.forget();
      expect(await w.pools.examine(over)).toMatchObject([
        { path: "source.devices[0]", reason: expect.stringContaining('"cvr-owner"') },
      ]);
      await expect(w.pools.create(over, silent())).rejects.toMatchObject({ where: { property: "source.devices[0]" } });

      const attached = await device("six");
      const disk = `<disk type='block' device='disk'><source dev='${attached}'/><target dev='vda'/></disk>`;
      const xml = `<domain type='qemu'><name>d</name><memory>32768</memory><os><type>hvm</type></os><devices>${disk}</devices></domain>`;
      await host.exec(["bash", "-c", 'virsh define <(printf %s "$0")', xml]);
      const onDisk = pool("cvr-over", { source: { devices: [attached] }, build: true });
      w.host.inventory.forget();
      expect(await w.pools.examine(onDisk)).toMatchObject([
        { path: "source.devices[0]", reason: expect.stringContaining('"d"') },
      ]);
      await expect(w.pools.create(onDisk, silent())).rejects.toMatchObject({
        where: { property: "source.devices[0]" },
      });
    });
  },
);
