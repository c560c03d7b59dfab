import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GuestPage, guestPage } from "../hosts/guest.js";
import {
  type Inventory,
  inventory,
  isEmpty,
  isSettled,
  type Lab,
  missing,
  NOTHING,
  openLab,
  refused,
  said,
  titled,
  until,
} from "./lab.js";

interface Choices {
  readonly memory?: string;
  /** Without it the machine gets as much as it begins with. */
  readonly maxMemory?: string;
  readonly cpus?: number;
  readonly description?: string;
  readonly word?: string;
  readonly more?: boolean;
  readonly restartPolicy?: string;
  readonly size?: string;
  readonly source?: string;
}

/** The program of a user, edited step by step. TypeScript, as an ES module. */
const program = ({ memory = "128MiB", cpus = 1, description = "first", word = "one", ...c }: Choices, lab: Lab) => `
import { Network, StoragePool, VirtualMachine, type VirtualMachineArgs, Volume } from "crossvisor";

const pool = new StoragePool("pool", { path: "${lab.host.pools}/stack", onDelete: "delete" });
const lan = new Network("lan", { cidr: "192.168.60.0/24" });
const root = new Volume("root", { pool, source: "${c.source ?? lab.image}", size: "${c.size ?? "64MiB"}" });
${c.more ? 'const data = new Volume("data", { pool, size: "8MiB", format: "raw" });' : ""}
const args: VirtualMachineArgs = {
  description: "${description}", firmware: "bios", restartPolicy: "${c.restartPolicy ?? "ifNeeded"}",
  memory: "${memory}", maxMemory: "${c.maxMemory ?? "256MiB"}", cpus: ${cpus}, maxCpus: 2,
  disks: [{ volume: root }${c.more ? ', { name: "data", volume: data }' : ""}],
  networks: [{ network: lan }${c.more ? ', { name: "second", network: lan }' : ""}],
  cloudInit: { userData: "#!/bin/sh\\nmkdir -p /www\\necho ${word} of $(hostname) >/www/index.html\\n" },
  waitForAddress: { timeout: "1m" }, shutdown: { method: "acpi", timeout: "20s" },
};
const web = new VirtualMachine("web", args);
export const address = web.ipAddress;
export const addresses = web.addresses;
export const id = web.id;
`;

describe.skipIf(missing !== undefined)(titled("the main job, with the real Pulumi CLI, libvirtd and QEMU"), () => {
  let lab: Lab;
  let address = "";
  let bootId = "";
  const write = (choices: Choices = {}) => writeFile(join(lab.stack.folder, "index.ts"), program(choices, lab));
  const page = (name: GuestPage, at = address) => guestPage(lab.host, at, name);
  const memory = async () => Number(/MemTotal: +(\d+)/.exec(await page("meminfo"))?.[1]);
  /** What an edit's preview said; then it is made, and nothing is left to do. */
  const edit = async (choices: Choices): Promise<readonly string[]> => {
    await write(choices);
    const words = said(await lab.stack.preview());
    await lab.stack.up();
    await isSettled(lab.stack);
    return words;
  };

  beforeAll(async () => {
    lab = await openLab();
    const about = { name: "lab", private: true, main: "index.ts", type: "module" };
    await writeFile(join(lab.stack.folder, "package.json"), JSON.stringify(about));
    await write();
  }, 300_000);
  afterAll(() => lab?.close());

  it("previews everything and touches nothing", async () => {
    const preview = await lab.stack.preview();
    expect(preview.changeSummary).toEqual({ create: 5 });
    expect(await inventory(lab.host)).toEqual(NOTHING);
  });

  it("boots the machine, which runs its script and answers at the address in the outputs", async () => {
    await lab.stack.up();
    const outputs = await lab.stack.outputs();
    expect(outputs).toMatchObject({ address: expect.stringMatching(/^192\.168\.60\.\d+$/) });
    address = String(outputs["address"]);
    expect(await page("hostname")).toBe("web");
    expect(await page("index.html")).toBe("one of web");
    bootId = await page("boot-id");
    const there: Inventory = await inventory(lab.host);
    expect(there).toMatchObject({ machines: ["web"], networks: ["lan"], pools: ["pool"] });
    expect(there.secrets).toHaveLength(1);
    expect(there.files.filter((file) => !file.endsWith(".iso"))).toEqual(
      ["/stack", "/stack/root"].map((name) => lab.host.pools + name),
    );
    expect(await page("disks"), "the volume has the size that was declared").toMatch(/65536 vda/);
  });

  it("has nothing to do afterwards, and nothing to refresh", async () => {
    await isEmpty(lab.stack, "preview");
    await isEmpty(lab.stack, "refresh", "--preview-only");
  });

  it("gives memory while it runs, as the preview said", async () => {
    const before = await memory();
    expect(await edit({ memory: "192MiB" })).toEqual(["web: memory: 128MiB => 192MiB: live"]);
    await until(
      () => page("meminfo"),
      (text) => Number(/MemTotal: +(\d+)/.exec(text)?.[1]) > before + 50_000,
    );
    expect(await page("boot-id")).toBe(bootId);
  });

  it("plugs in a processor, a disk and an interface, and writes a description, all in one live update", async () => {
    const words = await edit({ memory: "192MiB", cpus: 2, description: "second", more: true });
    expect(words.join("\n")).not.toMatch(/restart|replace/);
    expect(words).toEqual(
      expect.arrayContaining(["web: cpus: 1 => 2: live", "web: description: first => second: live"]),
    );
    await until(
      () => page("cpus"),
      (text) => text === "2",
    );
    await until(
      () => page("disks"),
      (text) => /8192 vdb/.test(text),
    );
    const { addresses } = (await lab.stack.outputs()) as { addresses: Record<string, string[]> };
    expect(await page("hostname", addresses["second"]?.[0])).toBe("web");
    expect(await lab.host.virsh("desc", "web")).toContain("second");
    expect(await page("boot-id")).toBe(bootId);
  });

  it("swaps the first-boot CD in place", async () => {
    const words = await edit({ memory: "192MiB", cpus: 2, description: "second", more: true, word: "two" });
    expect(words).toEqual(["web: cloudInit.userData: changed: live"]);
    expect(await page("cdrom")).toContain("echo two of");
    expect(await page("seed"), "what it booted with").toContain("echo one of");
    expect(await page("boot-id")).toBe(bootId);
    const isos = (await inventory(lab.host)).files.filter((file) => file.endsWith(".iso"));
    expect(isos).toHaveLength(1);
  });

  const grown: Choices = { memory: "192MiB", cpus: 2, description: "second", more: true, word: "two" };

  const larger: Choices = { memory: "320MiB", maxMemory: "320MiB", cpus: 1 };

  it("refuses at preview what the declaration forbids or what would lose data, and names the property", async () => {
    await write({ ...grown, memory: "320MiB" });
    expect(await refused(lab.stack)).toContain("maxMemory");
    await write({ ...grown, ...larger, restartPolicy: "never" });
    expect(await refused(lab.stack)).toMatch(
      /cpus, memory, maxMemory: these changes need a restart .*restartPolicy is "never"/,
    );
    await write({ ...grown, size: "32MiB" });
    expect(await refused(lab.stack)).toMatch(/size: .*(smaller|shrink)/i);
    const other = join(lab.stack.folder, "other.qcow2");
    await copyFile(lab.image, other);
    await write({ ...grown, source: other });
    expect(await refused(lab.stack)).toContain("set allowDataLoss to true");
    expect(await page("boot-id")).toBe(bootId);
  });

  it("restarts only after the preview has said so and why", async () => {
    const words = await edit({ ...grown, ...larger });
    expect(words).toEqual(
      expect.arrayContaining([
        "web: memory: 192MiB => 320MiB: needs a restart (maxMemory is 256MiB since the last start)",
        "web: maxMemory: 256MiB => 320MiB: needs a restart (the maximum is set when it starts)",
        expect.stringMatching(/^web: cpus: 2 => 1: needs a restart \(.+\)$/),
      ]),
    );
    expect(await memory()).toBeGreaterThan(256 * 1024);
    expect(await page("cpus")).toBe("1");
    expect(await page("boot-id")).not.toBe(bootId);
    expect(await page("index.html"), "it booted with the swapped CD").toBe("two of web");
  });

  it("unplugs what is declared no more, while it runs", async () => {
    bootId = await page("boot-id");
    const words = await edit({ ...grown, ...larger, more: false });
    expect(words.join("\n")).not.toMatch(/restart|replace/);
    await until(
      () => page("disks"),
      (text) => !text.includes("vdb"),
    );
    expect(await page("boot-id")).toBe(bootId);
    expect((await inventory(lab.host)).files).not.toContain(`${lab.host.pools}/stack/data`);
  });

  it("leaves nothing behind", async () => {
    await lab.stack.destroy();
    expect(await inventory(lab.host)).toEqual(NOTHING);
    expect((await lab.stack.state()).resources.filter((r) => r.type.includes("crossvisor"))).toEqual([]);
  });
});
