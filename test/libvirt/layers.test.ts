import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Words } from "../contract/fixture.js";
import { quickly } from "../contract/libvirt-fixture.js";
import { step } from "../contract/stand.js";
import { requirements } from "../hosts/libvirtd.js";
import { change, preview, settled, updated } from "../matrix/cell.js";
import { LibvirtLab } from "../matrix/libvirt-lab.js";

const reason = requirements();
const CASES = [
  ["running", "with a record of it", []],
  ["running", "without one", ["--no-metadata"]],
  ["stopped", "with a record of it", []],
  ["stopped", "without one", ["--no-metadata"]],
] as const;

describe.skipIf(reason !== undefined)(
  `machines with external snapshots of others${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let lab: LibvirtLab;
    beforeAll(async () => {
      lab = await LibvirtLab.open();
    });
    afterAll(() => lab?.close());

    it.each(CASES)("a %s one, %s, keeps the files that are written to", async (powerState, how, flags) => {
      const name = `${powerState}-${flags.length}`;
      const [one, two] = (await lab.ground(name)).volumes;
      const disk = (path: string | undefined, more: Words = {}) => ({ path, ...more });
      const words = (more: Words = {}): Words => ({
        owner: "l/s",
        name,
        firmware: "bios",
        memory: "32MiB",
        acceleration: "none",
        disks: [disk(one), disk(two)],
        ...quickly,
        powerState,
        ...more,
      });
      const made = await lab.create("VirtualMachine", words());
      await lab.daemon.virsh("snapshot-create-as", name, "backup", "--disk-only", ...flags);
      const layers = async () => (await lab.daemon.virsh("domblklist", name)).match(/\S+\.backup$/gm) ?? [];
      expect(await layers(), how).toHaveLength(2);
      await settled(lab, "VirtualMachine", made, words());

      const edited = words({ description: "while a backup is made" });
      const { made: is, told } = await change(lab, "VirtualMachine", made, edited);
      expect(told.effect).toBe("live");
      for (const [what, more] of [
        ["disks", { disks: [disk(one)] }],
        ["disks", { disks: [disk(one), disk(two, { bus: "scsi" })] }],
        ["disks", { disks: [disk(two), disk(one)] }],
        ["name", { name: `${name}-new` }],
      ] as const) {
        const { effect, paths } = await preview(lab, "VirtualMachine", is, { ...edited, ...more });
        expect({ effect, paths: [...new Set(paths)] }).toEqual({ effect: "refused", paths: [what] });
      }
      await expect(updated(lab, "VirtualMachine", is, { ...edited, disks: [disk(one)] })).rejects.toThrow(
        /must keep "disk1" as it is/,
      );
      await expect(lab.remove("VirtualMachine", is)).rejects.toMatchObject({
        where: { property: "allowSnapshotLoss" },
      });
      expect(await layers()).toHaveLength(2);
      await settled(lab, "VirtualMachine", is, edited);

      if (powerState === "running")
        for (const target of ["vda", "vdb"])
          await lab.daemon.virsh("blockcommit", name, target, "--active", "--pivot", "--wait");
      expect(await layers()).toHaveLength(powerState === "running" ? 0 : 2);
      await settled(lab, "VirtualMachine", is, edited);
      const last = await updated(lab, "VirtualMachine", is, { ...edited, allowSnapshotLoss: true });
      await lab.engine("VirtualMachine").remove(last.id, last.inputs as never, step());
    });
  },
);
