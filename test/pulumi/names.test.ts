import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pulumiTools } from "./requirements.js";
import { openStack, type Stack } from "./stack.js";

const tools = pulumiTools();
const skipped = typeof tools === "string" ? ` (skipped: ${tools})` : "";

describe.skipIf(skipped !== "")(`names in a program, with the real Pulumi CLI${skipped}`, () => {
  let stack: Stack;
  const world = async () => JSON.parse(await readFile(join(stack.folder, "a.json"), "utf8"));
  const refused = async (command: string) => {
    const outcome = await stack.run([
      command,
      ...(command === "up" ? ["--yes"] : []),
      "--non-interactive",
      "--color=never",
    ]);
    expect(outcome.code, outcome.stdout).not.toBe(0);
    return outcome.stdout + outcome.stderr;
  };
  beforeEach(async () => {
    stack = await openStack();
    await stack.config("crossvisor:uri", `memory://${join(stack.folder, "a.json")}`);
  });
  afterEach(() => stack.close());

  it("another resource of the stack does not take over what a resource made, and deletes nothing of it", async () => {
    await stack.program('new crossvisor.Volume("before", { name: "data", size: "1MiB" });');
    await stack.up();
    const { Volume: made } = await world();
    await stack.program('new crossvisor.Volume("after", { name: "data", size: "1MiB" });');
    expect(await refused("up")).toMatch(/"data" .*not ours|belongs to somebody else|exists/);
    expect((await world()).Volume).toEqual(made);

    await stack.program(
      'new crossvisor.Volume("after", { name: "data", size: "1MiB" }, { aliases: [{ name: "before" }] });',
    );
    await stack.up();
    expect((await world()).Volume).toHaveLength(1);
    expect((await world()).Volume[0].id).toBe(made[0].id);
    const same = await stack.run(["preview", "--expect-no-changes", "--non-interactive"]);
    expect(same.code, same.stdout).toBe(0);
    await stack.destroy();
    expect((await world()).Volume).toEqual([]);
  });
  it("what cannot stand together is refused at preview, before any host has it", async () => {
    await stack.program(`
new crossvisor.VirtualMachine("a", { networks: [{ bridge: "br0", mac: "52:54:00:00:00:01" }] });
new crossvisor.VirtualMachine("b", { networks: [{ bridge: "br0", mac: "52:54:00:00:00:01" }] });`);
    expect(await refused("preview")).toMatch(/"52:54:00:00:00:01" is the MAC of the resource "[ab]" too/);
  });
});
