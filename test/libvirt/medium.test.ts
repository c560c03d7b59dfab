import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { Engine } from "../../provider/core/engine.js";
import { kinds } from "../../provider/kinds/index.js";
import { waitFor } from "../hosts/host-folder.js";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { silent } from "./storage-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`a CD drive${reason === undefined ? "" : ` (${reason})`}`, () => {
  let lab: LibvirtHost;
  beforeAll(async () => {
    lab = await startLibvirtd();
  });
  afterAll(() => lab?.stop());

  const qemu = async (execute: string, id?: string) => {
    const command = JSON.stringify({ execute, ...(id === undefined ? {} : { arguments: { id } }) });
    return JSON.parse(await lab.virsh("qemu-monitor-command", "m", command)).return;
  };
  const drive = async () => {
    const all: readonly Drive[] = await qemu("query-block");
    // The first drive is for the first-boot CD.
    return all.find(({ qdev }) => qdev === "scsi0-0-0-1");
  };

  it("takes another medium after the firmware shut its tray unheard, as often as that is wanted", async () => {
    const connection = openHost({ uri: lab.uri });
    const machines = new Engine(kinds.VirtualMachine, virtualMachine, { name: "lab", connection });
    const isos = ["one", "two", "three"].map((name) => `${lab.pools}/${name}.iso`);
    for (const iso of isos) await writeFile(iso, Buffer.alloc(64 * 1024));
    const of = (cdrom: string | undefined, powerState = "running") =>
      machines.check({
        owner: "a/b",
        name: "m",
        firmware: "bios",
        memory: "32MiB",
        acceleration: "none",
        powerState,
        cdrom,
      }).inputs as never;
    try {
      let made = await machines.create(of(isos[0], "paused"), silent());
      await qemu("blockdev-open-tray", (await drive())?.qdev);
      await waitFor(
        async () => (await lab.virsh("dumpxml", "m")).includes("tray='open'") || undefined,
        10_000,
        () => "open",
      );
      // The firmware resets the controller, and QEMU shuts the tray without an event.
      made = await machines.update(made.id, made.inputs, of(isos[0]), silent());
      await waitFor(
        async () => (await drive())?.tray_open === false || undefined,
        20_000,
        () => "the tray stays open",
      );
      expect(await lab.virsh("dumpxml", "m"), "the daemon takes it to be open").toContain("tray='open'");
      for (const iso of [isos[1], isos[2], undefined, isos[0]]) {
        made = await machines.update(made.id, made.inputs, of(iso), silent());
        expect((await drive())?.inserted?.file).toBe(iso);
      }
    } finally {
      await connection.close();
    }
  }, 120_000);
});

/** A block device, as QEMU tells it. */
interface Drive {
  readonly qdev: string;
  readonly tray_open?: boolean;
  readonly inserted?: { readonly file: string };
}
