import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { providersOf } from "../pulumi/processes.js";
import { all, inventory, isSettled, type Lab, missing, NOTHING, openLab, titled } from "./lab.js";

const UP = ["up", "--yes", "--skip-preview", "--non-interactive", "--color=never"];

/** A machine that never gets an address: nothing boots in it. */
const program = (lab: Lab, more: string, volume = 'size: "8MiB"') => `
const pool = new crossvisor.StoragePool("pool", { path: "${lab.host.pools}/stack", onDelete: "delete" });
const lan = new crossvisor.Network("lan", {
  cidr: "192.168.66.0/24", addressing: "dhcp", dhcp: { range: { start: "192.168.66.10", end: "192.168.66.99" } },
});
const root = new crossvisor.Volume("root", { pool, ${volume} });
const web = new crossvisor.VirtualMachine("web", {
  firmware: "bios", memory: "64MiB", shutdown: { timeout: 1 }, networks: [{ network: lan }],
  cloudInit: { userData: "#!/bin/true" }, ${more}
});`;
const DISK = "disks: [{ volume: root }],";

describe.skipIf(missing !== undefined)(
  titled("creations that break off on a real host, with the real Pulumi CLI"),
  () => {
    let lab: Lab;
    const web = async () => (await lab.stack.state()).resources.find((r) => r.urn.endsWith("::web"));
    const uuid = async () => (await lab.host.virsh("domuuid", "web")).trim();
    /** An update that fails: what it printed. */
    const failing = async (seen?: (printed: string, cli: number) => void): Promise<string> => {
      const outcome = await lab.stack.run(UP, seen === undefined ? {} : { seen });
      expect(outcome.code, all(outcome)).not.toBe(0);
      return all(outcome);
    };
    /** Kills the provider's process, once it has said `words`. */
    const killedAt = (words: string | (() => boolean)) => {
      let done = false;
      return (printed: string, cli: number) => {
        if (done || !(typeof words === "string" ? printed.includes(words) : words())) return;
        done = true;
        const providers = providersOf(cli);
        if (providers.length === 0) throw new Error("there is no provider to kill");
        for (const { pid } of providers) process.kill(pid, "SIGKILL");
      };
    };
    /** The machine is there once, runs, and nothing is left to do. Then all of it goes. */
    const converged = async () => {
      await isSettled(lab.stack);
      expect((await web())?.id).toBe(await uuid());
      expect((await web())?.initErrors ?? []).toEqual([]);
      expect((await inventory(lab.host)).machines).toEqual(["web"]);
      expect(await lab.host.virsh("domstate", "web")).toContain("running");
      await lab.stack.destroy();
      expect(await inventory(lab.host)).toEqual(NOTHING);
    };

    beforeAll(async () => {
      lab = await openLab();
    }, 300_000);
    afterAll(() => lab?.close());

    it("keeps a machine whose address does not come, and goes on with it", async () => {
      await lab.stack.program(program(lab, `${DISK} waitForAddress: { timeout: 3 },`));
      const printed = await failing();
      expect(printed).toMatch(
        /waitForAddress: the guest has no address that fits after 3 s .*Look at the guest's console/,
      );
      expect(printed, "progress stands at the resource").toContain("web: waiting up to 3 s for an address");
      expect((await web())?.id).toBe(await uuid());
      expect((await web())?.initErrors?.join()).toContain("no address that fits");
      await lab.stack.program(program(lab, DISK));
      await lab.stack.up();
      await converged();
    });

    it("ends the wait for an address at once when the user presses ^C, keeps the machine, and goes on with it", async () => {
      await lab.stack.program(program(lab, `${DISK} waitForAddress: { timeout: 600 },`));
      let pressed: number | undefined;
      const printed = await failing((said, cli) => {
        if (pressed !== undefined || !said.includes("web: waiting up to 600 s")) return;
        pressed = Date.now();
        process.kill(cli, "SIGINT");
      });
      expect(Date.now() - (pressed ?? 0), printed).toBeLessThan(300_000);
      expect((await web())?.id, printed).toBe(await uuid());
      await lab.stack.program(program(lab, DISK));
      await lab.stack.up();
      await converged();
    });

    it("keeps a machine that cannot start, and starts it when the reason is gone", async () => {
      const folder = join(lab.host.root, "closed");
      await mkdir(folder, { mode: 0o700 });
      await writeFile(join(folder, "disk.raw"), Buffer.alloc(1024 * 1024));
      await lab.stack.program(
        program(lab, `disks: [{ volume: root }, { path: "${folder}/disk.raw", format: "raw" }],`),
      );
      expect(await failing()).toMatch(/disks\[1\]\.path: .*Permission denied.*QEMU's user/s);
      expect((await web())?.id).toBe(await uuid());
      await chmod(folder, 0o711);
      await lab.stack.up();
      await converged();
    });

    it("takes up what a killed provider had defined: once, and under the same id", async () => {
      await lab.stack.program(program(lab, `${DISK} waitForAddress: { timeout: 60 },`));
      await failing(killedAt("web: waiting up to 60 s"));
      const id = await uuid();
      await lab.stack.program(program(lab, DISK));
      await lab.stack.up();
      expect(await uuid()).toBe(id);
      await converged();
    });

    it("finishes an upload that a killed provider had begun", async () => {
      const image = await readFile(lab.image);
      let stalls = true;
      let stalled = false;
      const server: Server = createServer((_, response) => {
        response.writeHead(200, { "content-length": image.length });
        if (!stalls) return response.end(image);
        response.write(image.subarray(0, image.length / 2), () => {
          stalled = true;
        });
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      try {
        const { port } = server.address() as AddressInfo;
        await lab.stack.program(program(lab, DISK, `source: "http://127.0.0.1:${port}/image.qcow2"`));
        await failing(killedAt(() => stalled));
        const { files } = await inventory(lab.host);
        expect(files, "what is not complete has not the name").not.toContain(`${lab.host.pools}/stack/root`);
        stalls = false;
        await lab.stack.up();
        const after = await inventory(lab.host);
        expect(after.files.filter((file) => /root|part/.test(file))).toEqual([`${lab.host.pools}/stack/root`]);
        const made = `${lab.host.pools}/stack/root`;
        expect(await lab.host.exec(["qemu-img", "compare", "-U", lab.image, made])).toContain("identical");
        await converged();
      } finally {
        server.closeAllConnections();
        server.close();
      }
    });
  },
);
