import { readFileSync } from "node:fs";
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endAll, isAlive, killPulumi, type Process } from "./processes.js";
import { pulumiTools } from "./requirements.js";
import { openStack, type Stack } from "./stack.js";

const tools = pulumiTools();
const skipped = typeof tools === "string" ? ` (skipped: ${tools})` : "";

describe.skipIf(skipped !== "")(`creations that break off, with the real Pulumi CLI${skipped}`, () => {
  let stack: Stack;
  beforeEach(async () => {
    stack = await openStack();
    const built = join(stack.folder, "node_modules/crossvisor/dist");
    await copyFile(join(__dirname, "failing-root.cjs"), join(built, "failing-root.cjs"));
    const main = 'exports.provider = require("../failing-root.cjs").provider;\n';
    await writeFile(join(built, "provider/main-pulumi.js"), main);
    await stack.config("crossvisor:uri", `memory://${join(stack.folder, "host.json")}`);
    await stack.program('new crossvisor.Network("lan", { cidr: "192.168.50.0/24" });');
  });
  afterEach(() => stack.close());
  /** The process that waited has ended. */
  const isGone = async () => {
    const pid = Number(await readFile(join(stack.folder, "waiting"), "utf8"));
    await expect.poll(() => isAlive(pid), { timeout: 10_000, message: "the process is gone" }).toBe(false);
  };
  const entry = async () => (await stack.state()).resources.find((r) => r.urn.endsWith("::lan"));
  const world = async () => JSON.parse(await readFile(join(stack.folder, "host.json"), "utf8"));

  it("keeps what a failed creation left, and the next update finishes it", async () => {
    await writeFile(join(stack.folder, "break"), "");
    const outcome = await stack.run(["up", "--yes", "--skip-preview", "--non-interactive"]);
    expect(outcome.code).not.toBe(0);
    expect(outcome.stdout).toContain("no address came");
    expect(outcome.stdout, "progress stands at the resource").toContain("lan: waits for its guest");
    const kept = await entry();
    expect(kept?.id).toBe((await world()).Network[0].id);
    expect(kept?.initErrors?.[0]).toContain("no address came");
    expect(kept?.outputs).toMatchObject({
      __provider: expect.stringContaining("crossvisor/runtime"),
      cidr: "192.168.50.0/24",
    });

    await rm(join(stack.folder, "break"));
    expect((await stack.preview()).changeSummary["update"]).toBe(1);
    await stack.up();
    expect((await entry())?.initErrors ?? []).toEqual([]);
    await stack.destroy();
    expect((await world()).Network).toEqual([]);
  });

  it.each([
    ["the user presses ^C", (cli: number) => cli],
    ["its own process is told to end", (_cli: number, own: number) => own],
  ])("ends a waiting creation when %s, and keeps what it made", async (_, target) => {
    await writeFile(join(stack.folder, "wait"), "");
    const waiting = join(stack.folder, "waiting");
    let told = false;
    const outcome = await stack.run(["up", "--yes", "--skip-preview", "--non-interactive"], {
      timeout: 60_000,
      seen: (printed, cli) => {
        if (told || !printed.includes("lan: waits for its guest")) return;
        told = true;
        process.kill(target(cli, Number(readFileSync(waiting, "utf8"))), "SIGINT");
      },
    });
    expect(outcome.code).not.toBe(0);
    expect(outcome.stdout).toContain("the wait was broken off");
    expect((await entry())?.id).toBe((await world()).Network[0].id);
    await isGone();
  });

  it("ends itself and what it waits for when Pulumi is killed, and the next update goes on", async () => {
    await writeFile(join(stack.folder, "wait"), "");
    let below: readonly Process[] = [];
    const outcome = await stack.run(["up", "--yes", "--skip-preview", "--non-interactive"], {
      seen: (printed, cli) => {
        if (below.length === 0 && printed.includes("lan: waits for its guest")) below = killPulumi(cli);
      },
    });
    expect(outcome.code).toBeNull();
    await isGone().finally(() => endAll(below));
    await rm(join(stack.folder, "wait"));
    const id = (await world()).Network[0].id;
    expect((await stack.run(["cancel", "--yes"])).code).toBe(0);
    await stack.up();
    expect((await entry())?.id).toBe(id);
    expect((await world()).Network).toHaveLength(1);
  });
});
