import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pulumiTools } from "./requirements.js";
import { openStack, type Stack } from "./stack.js";

const tools = pulumiTools();
const skipped = typeof tools === "string" ? ` (skipped: ${tools})` : "";

describe.skipIf(skipped !== "")(
  `hosts and adoption, with the real Pulumi CLI${skipped}`,
  () => {
    let stack: Stack;
    const at = (name: string) => `memory://${join(stack.folder, name)}`;
    const world = async (name: string) => JSON.parse(await readFile(join(stack.folder, name), "utf8"));
    beforeEach(async () => {
      stack = await openStack();
      await stack.config("crossvisor:uri", at("a.json"));
    });
    afterEach(() => stack.close());

    it("keeps several hosts in one program, each with its own access", async () => {
      const program = (second: string) => `
const b = new crossvisor.Host("b", { uri: "${at(second)}", password: "the-login" });
const here = new crossvisor.Network("here", { cidr: "192.168.50.0/24" });
const there = new crossvisor.Network("there", { cidr: "192.168.50.0/24" }, { provider: b });
exports.host = there.host;`;
      await stack.program(program("b.json"));
      await stack.up();
      expect(await stack.outputs()).toEqual({ host: at("b.json") });
      expect((await stack.state()).text).not.toContain("the-login");
      await stack.refresh();
      const same = await stack.run(["preview", "--expect-no-changes", "--non-interactive"]);
      expect(same.code, same.stdout).toBe(0);

      await stack.program(program("c.json"));
      await stack.up();
      expect((await world("b.json")).Network).toEqual([]);
      expect((await world("c.json")).Network).toHaveLength(1);
      await stack.destroy();
      for (const name of ["a.json", "c.json"]) expect((await world(name)).Network).toEqual([]);
    });

    it("moves what is declared from one host to another, together, and leaves nothing behind", async () => {
      const program = (on: { readonly disk: string; readonly rest: string }) => `
const a = new crossvisor.Host("a", { uri: "${at("a.json")}" });
const b = new crossvisor.Host("b", { uri: "${at("b.json")}" });
const lan = new crossvisor.Network("lan", { cidr: "192.168.50.0/24" }, { provider: ${on.rest} });
const disk = new crossvisor.Volume("disk", { size: "1GiB", allowDataLoss: true }, { provider: ${on.disk} });
const parts = { disks: [{ volume: disk }], networks: [{ network: lan }] };
new crossvisor.VirtualMachine("web", parts, { provider: ${on.rest} });`;
      const names = async (host: string) =>
        (await Promise.all(["Network", "Volume", "VirtualMachine"].map(async (kind) => (await world(host))[kind])))
          .flat()
          .map(({ properties }) => properties.name);
      await stack.program(program({ disk: "a", rest: "a" }));
      await stack.up();
      await stack.program(program({ disk: "b", rest: "a" }));
      const apart = await stack.run(["preview", "--non-interactive"]);
      expect(apart.code).not.toBe(0);
      expect(apart.stdout).toContain(
        `disks[0].volume value {<nil>} has a problem: is on another host, ${at("b.json")}`,
      );

      await stack.program(program({ disk: "b", rest: "b" }));
      const preview = await stack.preview();
      const said = preview.diagnostics?.map(({ message }) => message.trim());
      for (const name of ["lan", "disk", "web"]) {
        const step = preview.steps.find(({ urn }) => urn.endsWith(`::${name}`));
        expect(step).toMatchObject({ op: "replace", replaceReasons: ["host"] });
        const why = `host: ${at("a.json")} => ${at("b.json")}: needs a replacement (made anew there, deleted here)`;
        expect(said).toContain(`${name}: ${why}`);
      }
      await stack.up();
      expect(await names("a.json")).toEqual([]);
      expect(await names("b.json")).toEqual(["lan", "disk", "web"]);
      const { resources } = await stack.state();
      const lan = resources.find(({ urn }) => urn.endsWith("::lan"));
      await stack.up("--replace", lan?.urn ?? "");
      expect(await names("b.json"), "a replacement on one host destroys nothing").toEqual(["lan", "disk", "web"]);
      const same = await stack.run(["preview", "--refresh", "--expect-no-changes", "--non-interactive"]);
      expect(same.code, same.stdout).toBe(0);
      await stack.destroy();
      expect(await names("b.json")).toEqual([]);
    });

    it("previews resources of a host that is not known yet", async () => {
      await stack.program(`
const first = new crossvisor.Network("first", { cidr: "192.168.50.0/24" });
const b = new crossvisor.Host("b", { uri: first.id.apply(() => "${at("b.json")}") });
new crossvisor.Network("second", { cidr: "192.168.50.0/24" }, { provider: b });`);
      expect((await stack.preview()).changeSummary).toEqual({ create: 4 });
      await stack.up();
      expect((await world("b.json")).Network).toHaveLength(1);
    });

    it("does not touch what it did not make, and adopts it when told to, as it is", async () => {
      await stack.program('new crossvisor.Network("lan", { cidr: "192.168.50.0/24", description: "theirs" });');
      await stack.up();
      const foreign = await world("a.json");
      foreign.Network[0].properties.owner = "";
      await writeFile(join(stack.folder, "b.json"), JSON.stringify(foreign));
      await stack.config("crossvisor:uri", at("b.json"));
      await stack.program(
        'new crossvisor.Network("net", { name: "lan", cidr: "192.168.50.0/24", description: "ours" });',
      );
      const refused = await stack.run(["preview", "--non-interactive"]);
      expect(refused.code).not.toBe(0);
      expect(refused.stdout + refused.stderr).toContain("property name value");

      await stack.program(
        'new crossvisor.Network("net", { name: "lan", adopt: "lan", cidr: "192.168.50.0/24", description: "ours" });',
      );
      await stack.up();
      expect((await world("b.json")).Network[0].properties.description, "taken over without a change").toBe("theirs");
      const preview = await stack.preview();
      expect(preview.changeSummary["update"]).toBe(1);
      expect(preview.diagnostics?.map((d) => d.message).join("")).toContain(
        "net: description: theirs => ours: live".replace("net", "lan"),
      );
      await stack.up();
      expect((await world("b.json")).Network[0].properties.description).toBe("ours");
      const same = await stack.run(["preview", "--expect-no-changes", "--non-interactive"]);
      expect(same.code, same.stdout).toBe(0);
    });
  },
  120_000,
);
