import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { Engine } from "../../provider/core/engine.js";
import { kinds } from "../../provider/kinds/index.js";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { silent } from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`machines with snapshots${reason === undefined ? "" : ` (${reason})`}`, () => {
  let lab: LibvirtHost;
  beforeAll(async () => {
    lab = await startLibvirtd();
  });
  afterAll(() => lab?.stop());

  it("are neither deleted nor replaced until the declaration says so, and stay as they are", async () => {
    const connection = openHost({ uri: `qemu:///system?socket=${lab.socket}` });
    const disk = `${lab.pools}/disk.qcow2`;
    await lab.exec(["qemu-img", "create", "-f", "qcow2", disk, "8M"]);
    try {
      const machines = new Engine(kinds.VirtualMachine, virtualMachine, { name: "lab", connection });
      const of = (more: object) =>
        machines.check({
          owner: "a/b",
          name: "m",
          firmware: "bios",
          memory: "32MiB",
          acceleration: "none",
          powerState: "stopped",
          disks: [{ path: disk, format: "qcow2" }],
          ...more,
        }).inputs as never;
      const made = await machines.create(of({}), silent());
      await lab.virsh("snapshot-create-as", "m", "before");
      await expect(machines.remove(made.id, made.inputs, silent())).rejects.toMatchObject({
        code: "busy",
        where: { property: "allowSnapshotLoss" },
      });
      expect(await lab.virsh("snapshot-list", "m", "--name")).toContain("before");
      const [problem] = await machines.examine(of({ name: "n" }), made.id, made.inputs);
      expect(problem).toMatchObject({ path: "name", reason: expect.stringContaining('"before"') });
      await machines.remove(made.id, of({ allowSnapshotLoss: true }), silent());
      expect(await machines.read(made.id, made.inputs)).toBeUndefined();
    } finally {
      await connection.close();
    }
  });
});
