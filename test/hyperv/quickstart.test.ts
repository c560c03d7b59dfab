import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { build, openProject, ROOT, YES } from "../docs/project.js";
import { guestImage, guestRequirements } from "../hosts/guest.js";
import { waitFor } from "../hosts/host-folder.js";
import { bootMissing } from "../hosts/hyperv/boot.js";
import { openHypervHost, withHyperv } from "../hosts/hyperv/host.js";
import { pulumiTools } from "../pulumi/requirements.js";

const tools = pulumiTools();
const missing = bootMissing() ?? guestRequirements() ?? (typeof tools === "string" ? tools : undefined);

describe.skipIf(missing !== undefined)(withHyperv("the quickstart on a Hyper-V host", missing), () => {
  test("previews, boots a guest with the planned address, settles, changes, and leaves nothing", async () => {
    await build();
    const host = await openHypervHost({ boot: true });
    const project = await openProject(join(ROOT, "examples/quickstart"));
    const set = (...words: string[]) => project.pulumi("config", "set", ...words);
    try {
      await set("crossvisor:uri", `hyperv+ssh://${host.user}@${host.address}:${host.port}`);
      await set("crossvisor:knownHosts", "--", host.knownHosts);
      await set("--secret", "crossvisor:privateKey", "--", host.privateKey);
      await set("pool", "C:\\Pools\\quickstart");
      await set("image", await guestImage());
      await set("memory", "256MiB");
      await project.pulumi("preview", "--non-interactive");
      expect((await host.journal()).filter(({ command }) => /^(New|Set|Add|Remove|Start)-/.test(command))).toEqual([]);
      await project.pulumi("up", ...YES);
      const { ipAddress, state } = await project.outputs();
      expect(state).toBe("running");
      expect(ipAddress).toMatch(/^192\.168\.50\./);
      const page = (name: string) =>
        host.get(`http://${ipAddress}/${name}`).then(
          (text) => text.trim(),
          () => undefined,
        );
      const hello = async () => ((await page("index.html"))?.startsWith("hello from crossvisor") ? true : undefined);
      expect(await waitFor(hello, 120_000, () => "the guest does not answer")).toBe(true);
      await project.pulumi("preview", "--expect-no-changes", "--non-interactive");
      await project.pulumi("refresh", ...YES);
      await project.pulumi("preview", "--expect-no-changes", "--non-interactive");
      await set("memory", "320MiB");
      await project.pulumi("up", ...YES);
      const [boot] = [await page("boot-id")];
      expect(boot, "the guest goes on running").toMatch(/^[0-9a-f-]{36}$/);
      await project.pulumi("destroy", ...YES);
      const left = (await host.journal()).filter(({ result }) => result === "ok").map(({ command }) => command);
      const count = (name: string) => left.filter((command) => command === name).length;
      expect([count("Remove-VM"), count("Remove-VMSwitch"), count("Remove-NetNat")]).toEqual([1, 1, 1]);
      await expect(host.get(`http://${ipAddress}/hostname`)).rejects.toThrow();
    } finally {
      await project.close();
      await host.close();
    }
  }, 400_000);
});
