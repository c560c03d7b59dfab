import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pulumiTools } from "./requirements.js";
import { openStack, type Preview, type PreviewStep, type Stack } from "./stack.js";

const tools = pulumiTools();
const skipped = typeof tools === "string" ? ` (skipped: ${tools})` : "";
const SECRET = "userdata-nobody-may-read";

interface Choices {
  readonly memory?: string;
  readonly userData?: string;
  readonly restartPolicy?: string;
  readonly volume?: string;
  readonly size?: string;
}
const program = ({
  memory = "1GiB",
  userData = SECRET,
  restartPolicy = "ifNeeded",
  volume = "",
  size = "1GiB",
}: Choices = {}) => `
const lan = new crossvisor.Network("lan", { cidr: "192.168.50.0/24" });
const pool = new crossvisor.StoragePool("pool", { path: "/srv/pool" });
const root = new crossvisor.Volume("root", { pool, size: "${size}", ${volume} });
const web = new crossvisor.VirtualMachine("web", {
  memory: "${memory}", restartPolicy: "${restartPolicy}",
  disks: [{ volume: root }], networks: [{ network: lan }], cloudInit: { userData: "${userData}", metaData: "a: b" },
});
exports.address = web.ipAddress; exports.size = root.size;`;

const stepOf = (preview: Preview, name: string): PreviewStep => {
  const found = preview.steps.find((s) => s.urn.endsWith(`::${name}`));
  if (!found) throw new Error(`${name} is not in the preview: ${preview.steps.map((s) => s.urn).join(" ")}`);
  return found;
};
const said = (preview: Preview): readonly string[] =>
  (preview.diagnostics ?? []).filter((d) => d.urn?.includes("crossvisor:")).map((d) => d.message.trim());
const all = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}\n${stderr}`;

describe.skipIf(skipped !== "")(
  `a stack on the memory backend, with the real Pulumi CLI${skipped}`,
  () => {
    let stack: Stack;
    let host: string;
    const world = async () => JSON.parse(await readFile(host, "utf8"));
    beforeAll(async () => {
      stack = await openStack();
      host = join(stack.folder, "host.json");
      await stack.program(program());
    }, 120_000);
    afterAll(() => stack?.close());

    it("says what is missing when no host is configured", async () => {
      const outcome = await stack.run(["preview", "--non-interactive"]);
      expect(outcome.code).not.toBe(0);
      expect(all(outcome)).toContain("pulumi config set crossvisor:uri qemu:///system");
    });

    it("previews a first creation without knowing what only the host decides", async () => {
      await stack.config("crossvisor:uri", `memory://${host}`);
      const preview = await stack.preview();
      expect(preview.changeSummary).toEqual({ create: 5 });
      const { inputs = {} } = stepOf(preview, "web").newState ?? {};
      expect(inputs).toMatchObject({
        memory: 2 ** 30,
        cpus: 1,
        name: "web",
        owner: "lab/test/web",
        host: `memory://${host}`,
      });
      expect(JSON.stringify(preview)).not.toContain(SECRET);
      await expect(world(), "a preview writes nothing").rejects.toThrow("ENOENT");
    });

    it("makes it, and a second preview is empty", async () => {
      await stack.up();
      expect((await world()).VirtualMachine).toHaveLength(1);
      expect(await stack.outputs()).toEqual({ address: expect.stringMatching(/^192\.168\.50\.\d+$/), size: 2 ** 30 });
      const outcome = await stack.run(["preview", "--expect-no-changes", "--non-interactive"]);
      expect(outcome.code, all(outcome)).toBe(0);
      const refresh = await stack.run(["refresh", "--preview-only", "--expect-no-changes", "--non-interactive"]);
      expect(refresh.code, all(refresh)).toBe(0);
    });

    it("keeps user data out of the state file", async () => {
      const { text, resources } = await stack.state();
      expect(text).not.toContain(SECRET);
      const web = resources.find((r) => r.urn.endsWith("::web"));
      expect(web?.inputs["cloudInit"]).toMatchObject({
        metaData: "a: b",
        userData: { ciphertext: expect.any(String) },
      });
      expect(web?.outputs["cloudInit"]).toMatchObject({
        metaData: "a: b",
        userData: { ciphertext: expect.any(String) },
      });
      expect(web?.inputs).not.toHaveProperty("__urn");
    });

    it("tells for each change of an edit what it does, at the resource, without secrets", async () => {
      await stack.program(program({ memory: "2GiB", userData: "userdata-of-the-edit" }));
      const preview = await stack.preview();
      expect(stepOf(preview, "web").detailedDiff).toMatchObject({
        memory: { kind: "update", inputDiff: true },
        "cloudInit.userData": { kind: "update", inputDiff: true },
      });
      expect(said(preview)).toEqual([
        "web: memory: 1GiB => 2GiB: needs a restart (maxMemory is 1GiB)",
        "web: cloudInit.userData: changed: live",
      ]);
      const diff = await stack.run(["preview", "--diff", "--non-interactive"]);
      expect(all(diff)).toContain("[secret]");
      expect(`${JSON.stringify(preview)}${all(diff)}`).not.toMatch(/userdata-/);
    });

    it("refuses a forbidden restart at preview and names the property", async () => {
      await stack.program(program({ memory: "2GiB", restartPolicy: "never" }));
      const outcome = await stack.run(["preview", "--non-interactive"]);
      expect(outcome.code).not.toBe(0);
      expect(all(outcome)).toContain("memory: this change needs a restart");
      expect(all(outcome), "a call stack is not for users").not.toMatch(/at async|\.js:\d/);
    });

    it("shows at refresh what somebody changed, and the next update undoes it", async () => {
      await stack.program(program());
      const changed = await world();
      changed.VirtualMachine[0].properties.memory = 2 ** 29;
      await writeFile(host, JSON.stringify(changed));
      const seen = await stack.run(["refresh", "--preview-only", "--diff", "--non-interactive", "--color=never"]);
      expect(all(seen)).toMatch(/memory\s*: 1073741824 => 536870912/);
      // An edit that touches no more than a policy is carried out too, and brings the rest to what is declared.
      await stack.program(program({ restartPolicy: "never" }));
      expect(said(await stack.preview())).toEqual(["web: memory: 512MiB => 1GiB: live"]);
      await stack.program(program());
      await stack.refresh();
      const preview = await stack.preview();
      expect(said(preview)).toEqual(["web: memory: 512MiB => 1GiB: live"]);
      await stack.up();
      expect((await world()).VirtualMachine[0].properties.memory).toBe(2 ** 30);
    });

    it("previews a growing disk as a change of the volume alone", async () => {
      await stack.program(program({ size: "2GiB" }));
      const preview = await stack.preview();
      expect(preview.changeSummary).toEqual({ same: 4, update: 1 });
      expect(said(preview)).toEqual(["root: size: 1GiB => 2GiB: live"]);
      await stack.up();
      expect(await stack.outputs()).toMatchObject({ size: 2 ** 31 });
    });

    it("refuses at preview to lose what a volume holds", async () => {
      await stack.program(program({ size: "2GiB", volume: 'format: "raw"' }));
      const outcome = await stack.run(["preview", "--non-interactive"]);
      expect(outcome.code).not.toBe(0);
      expect(all(outcome)).toContain("set allowDataLoss to true");
    });

    it("replaces a volume after the machine that uses it has gone", async () => {
      await stack.program(program({ size: "2GiB", volume: 'format: "raw", allowDataLoss: true' }));
      const preview = await stack.preview();
      expect(stepOf(preview, "root").replaceReasons).toEqual(["format"]);
      expect(preview.steps.filter((s) => s.urn.endsWith("::web")).map((s) => s.op)).toContain("replace");
      await stack.up();
      const now = await world();
      expect(now.Volume.map((v: { properties: { format: string } }) => v.properties.format)).toEqual(["raw"]);
      expect(now.VirtualMachine).toHaveLength(1);
    });

    it("explains another host as a replacement and deletes where the state says", async () => {
      const second = `${host}2`;
      await stack.config("crossvisor:uri", `memory://${second}`);
      const preview = await stack.preview();
      expect(stepOf(preview, "lan").replaceReasons).toEqual(["host"]);
      expect(said(preview)[0]).toContain(`host: memory://${host} => memory://${second}: needs a replacement`);
      await stack.up();
      expect((await world()).VirtualMachine, "deleted on the old host").toEqual([]);
      expect(JSON.parse(await readFile(second, "utf8")).VirtualMachine).toHaveLength(1);
      host = second;
    });

    it("leaves nothing behind", async () => {
      await stack.destroy();
      const left = await world();
      expect([left.VirtualMachine, left.Volume, left.Network]).toEqual([[], [], []]);
    });
  },
  120_000,
);
