import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pulumiTools } from "./requirements.js";
import { openStack, type Stack } from "./stack.js";

const tools = pulumiTools();
const missing = typeof tools === "string" ? ` (skipped: ${tools})` : "";

describe.skipIf(missing !== "")(`the real Pulumi CLI and the memory backend${missing}`, () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await openStack();
    await stack.config("crossvisor:uri", `memory://${join(stack.folder, "host.json")}`);
  }, 120_000);
  afterAll(() => stack?.close());

  it("first", async () => {
    await stack.program(`
const net = new crossvisor.Network("lan", { cidr: "192.168.50.0/24" });
const pool = new crossvisor.StoragePool("pool", { path: "/srv/pool" });
const vol = new crossvisor.Volume("root", { pool, size: "1GiB" });
const vm = new crossvisor.VirtualMachine("web", { memory: "1GiB", cpus: 2, disks: [{ volume: vol }], networks: [{ network: net }], cloudInit: { userData: "#cloud-config TOPSECRET", metaData: "a: b" } });
exports.ip = vm.ipAddress;`);
    const p = await stack.run(["preview", "--diff", "--non-interactive", "--color=never"]);
    console.log(p.stdout, p.stderr);
    const u = await stack.up();
    console.log(u.stdout, u.stderr);
    const p2 = await stack.run(["preview", "--diff", "--non-interactive", "--color=never"]);
    console.log(p2.stdout, p2.stderr);
    const s = await stack.state();
    console.log(s.text);
  }, 120_000);
});
