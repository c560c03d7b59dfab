import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { pulumiTools } from "../pulumi/requirements.js";
import { type Sshd, sshdMissing, startSshd } from "../ssh/sshd.js";
import { blocksOf, build, openProject, type Project, ROOT, YES } from "./project.js";

const tools = pulumiTools();
const missing = requirements() ?? sshdMissing ?? (typeof tools === "string" ? tools : undefined);

it("has a test for each example", async () => {
  const folders = (await readdir(join(ROOT, "examples"))).filter((name) => name !== "node_modules");
  // The quickstart is run by the demo.
  expect(folders.sort()).toEqual(["headroom", "quickstart", "two-hosts"]);
});

describe.skipIf(missing !== undefined)(
  `the examples on real hosts${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    const hosts: LibvirtHost[] = [];
    let project: Project;
    let sshd: Sshd | undefined;
    const start = async () => {
      const host = await startLibvirtd();
      hosts.push(host);
      return host;
    };
    const set = (key: string, value: string) => project.pulumi("config", "set", key, value);
    const preview = async () => JSON.parse((await project.pulumi("preview", "--json", "--non-interactive")).stdout);
    const names = async (host: LibvirtHost, ...words: string[]) => (await host.virsh(...words, "--name")).trim();
    beforeAll(build);
    afterEach(async () => {
      await project?.close();
      await sshd?.stop();
      for (const host of hosts.splice(0)) await host.stop();
    });

    it("headroom: the preview says what the README shows, and an update does that", async () => {
      const host = await start();
      project = await openProject(join(ROOT, "examples/headroom"));
      await set("crossvisor:uri", host.uri);
      await project.pulumi("up", ...YES);
      const before = await project.outputs();
      expect(before["state"]).toBe("running");

      await set("memory", "768MiB");
      await set("cpus", "1");
      await set("name", "www");
      const { diagnostics } = await preview();
      const said = (diagnostics as readonly { urn?: string; message: string }[])
        .filter(({ urn }) => urn?.includes("crossvisor:"))
        .map(({ message }) => message.trim());
      const shown = (await blocksOf("README.md")).find((b) => b.text.startsWith("www: name: "));
      expect(said).toEqual(shown?.text.trim().split("\n"));

      await project.pulumi("config", "rm", "name");
      await set("restartPolicy", "never");
      const refused = await project.tried("preview", "--non-interactive", "--color=never");
      expect(refused.code).not.toBe(0);
      const sentence = (await blocksOf("README.md")).find((b) => b.text.startsWith("Unable to update virtual machine"));
      expect(refused.stdout.replaceAll(host.uri, "qemu:///system")).toContain(sentence?.text.trim());

      await set("cpus", "2");
      await project.pulumi("up", ...YES);
      expect(await project.outputs(), "the same process of the host").toEqual(before);
      expect(await host.virsh("dumpxml", "--inactive", "web")).toContain("<currentMemory unit='KiB'>786432<");
      await project.pulumi("destroy", ...YES);
      expect(await names(host, "list", "--all")).toBe("");
    });

    it("two-hosts: makes the same on both, the second one over SSH, and takes both away", async () => {
      const [first, second] = [await start(), await start()];
      project = await openProject(join(ROOT, "examples/two-hosts"));
      await set("crossvisor:uri", first.uri);
      sshd = await startSshd();
      const uri = `qemu+ssh://${sshd.user}@127.0.0.1:${sshd.port}/system?socket=${second.socket}`;
      await set("second", uri);
      await set("secondKnownHosts", sshd.hostKeyLine);
      const key = await readFile(sshd.clientKeyPath, "utf8");
      await project.pulumi("config", "set", "--secret", "secondKey", "--", key);
      await project.pulumi("up", ...YES);
      expect(await project.outputs()).toEqual({ hosts: [first.uri, uri] });
      expect(sshd.log()).toContain("Accepted publickey");
      for (const host of hosts) {
        expect(await names(host, "list")).toBe("web");
        expect(await names(host, "net-list")).toBe("lan");
      }
      await project.pulumi("preview", "--expect-no-changes", "--non-interactive");
      await project.pulumi("destroy", ...YES);
      for (const host of hosts)
        expect([await names(host, "list", "--all"), await names(host, "net-list", "--all")]).toEqual(["", ""]);
    });
  },
);
