import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Words } from "../contract/fixture.js";
import { quickly } from "../contract/libvirt-fixture.js";
import { requirements } from "../hosts/libvirtd.js";
import { change, preview, settled } from "../matrix/cell.js";
import { LibvirtLab } from "../matrix/libvirt-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(
  `a machine whose running state was saved${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let lab: LibvirtLab;
    beforeAll(async () => {
      lab = await LibvirtLab.open();
    });
    afterAll(() => lab?.close());

    const words = (more: Words = {}): Words => ({
      owner: "s/s",
      name: "saved",
      firmware: "bios",
      memory: "32MiB",
      maxMemory: "64MiB",
      acceleration: "none",
      ...quickly,
      ...more,
    });

    it("is started as it was, and changes neither before nor by that", async () => {
      const made = await lab.create("VirtualMachine", words());
      await lab.daemon.virsh("managedsave", "saved");
      const stopped = { ...made.inputs, powerState: "stopped" };
      const seen = await lab.refreshed("VirtualMachine", (e) => e.read(made.id, made.inputs, made.outputs));
      expect(seen?.inputs).toEqual(stopped);
      const refreshed = { ...made, inputs: stopped };
      for (const [path, more] of [
        ["memory", { memory: "40MiB" }],
        ["description", { description: "edited", powerState: "stopped" }],
        ["cdrom", { cdrom: `${lab.daemon.pools}/one.iso` }],
      ] as const)
        expect(await preview(lab, "VirtualMachine", refreshed, words(more))).toMatchObject({
          effect: "refused",
          paths: [path],
        });
      const { made: again, told } = await change(lab, "VirtualMachine", refreshed, words({ autostart: true }));
      expect(told.effect).toBe("live");
      expect(await lab.daemon.virsh("dumpxml", "saved")).toContain("<memory unit='KiB'>65536</memory>");
      await settled(lab, "VirtualMachine", again, words({ autostart: true }));
      expect((await preview(lab, "VirtualMachine", again, words({ autostart: true, memory: "40MiB" }))).effect).toBe(
        "live",
      );
      await lab.remove("VirtualMachine", again);
    });
  },
);
