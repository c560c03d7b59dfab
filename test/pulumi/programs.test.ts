import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pulumiTools } from "./requirements.js";
import { openStack, type Stack } from "./stack.js";

const tools = pulumiTools();
const skipped = typeof tools === "string" ? ` (skipped: ${tools})` : "";

const ESM = `import * as crossvisor from "crossvisor";
import { Volume } from "crossvisor";
const root = new Volume("root", { size: "1GiB" });
const web = new crossvisor.VirtualMachine("web", { disks: [{ volume: root }] });
export const disk = root.path;
export const state = web.state;
`;
const COMMON = `const { VirtualMachine, Volume } = require("crossvisor");
const root = new Volume("root", { size: "1GiB" });
const web = new VirtualMachine("web", { disks: [{ volume: root }] });
module.exports = { disk: root.path, state: web.state };
`;
const TYPED = ESM.replace("const root =", "const root: Volume =");

describe.skipIf(skipped !== "")(`programs of every kind, with the real Pulumi CLI${skipped}`, () => {
  let stack: Stack;
  beforeEach(async () => {
    stack = await openStack();
    await stack.config("crossvisor:uri", `memory://${join(stack.folder, "host.json")}`);
  });
  afterEach(() => stack.close());

  it.each([
    ["JavaScript with import", "index.js", ESM, { type: "module" }],
    ["JavaScript with require", "index.js", COMMON, {}],
    ["TypeScript as an ES module", "index.ts", TYPED, { type: "module" }],
    ["TypeScript whose types Node strips, in a CommonJS package", "index.mts", TYPED, {}],
  ])("%s", async (_, main, text, about) => {
    await writeFile(join(stack.folder, "package.json"), JSON.stringify({ name: "lab", private: true, main, ...about }));
    await writeFile(join(stack.folder, main), text);
    await stack.up();
    expect(await stack.outputs()).toEqual({ disk: expect.stringMatching(/root$/), state: "running" });
    await stack.destroy();
  });
});
