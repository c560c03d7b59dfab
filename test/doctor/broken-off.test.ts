import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { inventory } from "./lab.js";

const ROOT = resolve(__dirname, "../..");
const reason = requirements();

describe.skipIf(reason !== undefined)(`doctor, broken off${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  beforeAll(async () => {
    host = await startLibvirtd();
    await host.virsh("pool-define-as", "default", "dir", "--target", join(host.pools, "images"));
    await host.virsh("pool-build", "default");
    await host.virsh("pool-start", "default");
  });
  afterAll(() => host?.stop());

  /** Runs the program and sends it a signal when it says that it starts a machine. */
  async function signalled(signal: "SIGINT" | "SIGKILL") {
    const words = ["--import", "tsx", "provider/main-cli.ts", "doctor", host.uri];
    const child = spawn(process.execPath, words, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said.out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (said.err === "") child.kill(signal);
      said.err += text;
    });
    const [code] = await once(child, "close");
    expect(said.err).toContain("crossvisor-doctor-disk");
    return { code, out: said.out };
  }
  const machines = async () => (await host.virsh("list", "--all", "--name")).trim();

  it("by ^C takes away what it made, says what it does not know, and does not end well", async () => {
    const before = await inventory(host);
    const { code, out } = await signalled("SIGINT");
    expect(code).toBe(1);
    expect(out).toMatch(/unknown +storage pool: broken off/);
    await expect.poll(machines, { timeout: 20_000 }).toBe("");
    expect(await inventory(host)).toBe(before);
  });

  it("by a kill leaves no machine: the daemon ends it by itself", async () => {
    await signalled("SIGKILL");
    await expect.poll(machines, { timeout: 20_000 }).toBe("");
  });
});
