import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guestPage } from "../hosts/guest.js";
import { all, inventory, isSettled, type Lab, missing, NOTHING, openLab, said, titled, until } from "./lab.js";

const program = (lab: Lab, description = "ours", root = "64MiB") => `
const pool = new crossvisor.StoragePool("pool", { path: "${lab.host.pools}/stack", onDelete: "delete" });
const lan = new crossvisor.Network("lan", {
  cidr: "192.168.61.0/24", dns: { hosts: [{ address: "192.168.61.200", names: ["db"] }] },
});
const root = new crossvisor.Volume("root", { pool, source: "${lab.image}", size: "${root}" });
const spare = new crossvisor.Volume("spare", { pool, size: "8MiB" });
const web = new crossvisor.VirtualMachine("web", {
  description: "${description}", firmware: "bios", memory: "128MiB", maxMemory: "256MiB", autostart: true,
  disks: [{ volume: root }], networks: [{ network: lan }, { name: "second", network: lan }],
  cloudInit: { userData: "#!/bin/true" }, waitForAddress: { timeout: "1m" },
  shutdown: { method: "acpi", timeout: "20s" },
});
const idle = new crossvisor.VirtualMachine("idle", {
  firmware: "bios", memory: "64MiB", maxCpus: 2, powerState: "stopped", disks: [{ volume: spare }],
  shutdown: { method: "acpi", timeout: 1 },
});
exports.address = web.ipAddress; exports.macs = web.macs;`;

/** What somebody else keeps in a machine that we made. */
const WATCHDOG = "<watchdog model='i6300esb' action='reset'/>";
const THEIRS = "<billing xmlns='urn:example:billing' account='42'/>";

describe.skipIf(missing !== undefined)(titled("what others change on the host, with the real Pulumi CLI"), () => {
  let lab: Lab;
  let address = "";
  const virsh = (...words: string[]) => lab.host.virsh(...words);
  const xml = async (name: string, ...flags: string[]) => virsh("dumpxml", name, ...flags);
  const apply = async (words: string[], text: string, ...flags: string[]): Promise<void> => {
    const file = join(lab.host.root, "apply.xml");
    await writeFile(file, text);
    await virsh(...words, file, ...flags);
  };
  /** What a refresh shows, with its preview. It is taken over into the state. */
  const refresh = async (): Promise<string> => {
    const shown = await lab.stack.run(["refresh", "--preview-only", "--diff", "--non-interactive", "--color=never"]);
    if (shown.code !== 0) throw new Error(all(shown));
    const { stdout } = await lab.stack.refresh();
    return shown.stdout + stdout;
  };
  /** The update that undoes it: what its preview said. Nothing is left to do after it. */
  const repair = async (): Promise<readonly string[]> => {
    const words = said(await lab.stack.preview());
    await lab.stack.up();
    await isSettled(lab.stack);
    return words;
  };

  beforeAll(async () => {
    lab = await openLab();
    await lab.stack.program(program(lab));
    await lab.stack.up();
    address = String((await lab.stack.outputs())["address"]);
  }, 300_000);
  afterAll(() => lab?.close());

  it("shows edits of what runs and of definitions, and undoes all of them in one live update", async () => {
    const bootId = await guestPage(lab.host, address, "boot-id");
    const { macs } = (await lab.stack.outputs()) as { macs: Record<string, string> };
    await virsh("setmem", "web", "160M", "--live", "--config");
    await virsh("autostart", "web", "--disable");
    await virsh("desc", "web", "theirs", "--live", "--config");
    await virsh("detach-interface", "web", "network", "--mac", macs["second"] ?? "", "--live", "--config");
    await lab.host.exec(["qemu-img", "create", "-q", "-f", "raw", `${lab.host.pools}/theirs.raw`, "8M"]);
    await virsh("attach-disk", "web", `${lab.host.pools}/theirs.raw`, "vdz", "--live", "--config");
    await virsh("net-update", "lan", "delete", "dns-host", "<host ip='192.168.61.200'/>", "--live", "--config");
    await virsh("net-autostart", "lan", "--disable");
    await virsh("pool-autostart", "pool", "--disable");
    await until(
      () => virsh("domiflist", "web"),
      (text) => !text.includes(macs["second"] ?? "?"),
    );

    await expect(isSettled(lab.stack)).rejects.toThrow("is not empty");
    const shown = await refresh();
    for (const [name, change] of Object.entries({
      "a memory size": /memory +: 134217728 => 167772160/,
      "a description": /description: "ours" => "theirs"/,
      "a machine's, a network's and a pool's autostart": /(autostart *: true => false[\s\S]*){3}/,
      "an interface that is gone": /- +name +: "second"/,
      "a disk that is new": /\+ +name +: "vdz"/,
      "a name that is gone": /- +names/,
    }))
      expect(shown, name).toMatch(change);

    const words = await repair();
    expect(words.join("\n")).not.toMatch(/restart|replace/);
    expect(words).toEqual(
      expect.arrayContaining([
        "web: memory: 160MiB => 128MiB: live",
        "web: description: theirs => ours: live",
        "web: autostart: false => true: live",
        'web: disks["vdz"]: removed: live',
        'web: networks["second"]: added: live',
      ]),
    );
    expect(await guestPage(lab.host, address, "boot-id")).toBe(bootId);
    expect(await virsh("net-dumpxml", "lan")).toContain("<hostname>db</hostname>");
    expect(await virsh("domiflist", "web")).toContain(macs["second"]);
    expect(await lab.host.exec(["ls", `${lab.host.pools}/theirs.raw`]), "their file stays").toContain("theirs.raw");
  });

  it("undoes processors, an interface more, another address of a network, and a pool that was stopped", async () => {
    const bootId = await guestPage(lab.host, address, "boot-id");
    await virsh("setvcpus", "idle", "2", "--config");
    await virsh(
      "attach-interface",
      "web",
      "network",
      "lan",
      "--mac",
      "52:54:00:ee:00:09",
      "--model",
      "virtio",
      "--config",
    );
    const moved = (await virsh("net-dumpxml", "lan", "--inactive")).replaceAll("192.168.61.", "192.168.62.");
    await apply(["net-define"], moved);
    await virsh("pool-destroy", "pool");
    const shown = await refresh();
    for (const [name, change] of Object.entries({
      "a processor more": /cpus *: 1 => 2/,
      "an interface more": /mac *: "52:54:00:ee:00:09"/,
      "another address": /cidr *: "192.168.61.0\/24" => "192.168.62.0\/24"/,
      "a stopped pool": /active *: true => false/,
      "volumes of which nobody can tell": /spare: the storage pool "pool" is stopped: what was known last is kept/,
    }))
      expect(shown, name).toMatch(change);
    const words = await repair();
    expect(words).toEqual(
      expect.arrayContaining([
        "idle: cpus: 2 => 1: live",
        'web: networks["nic-525400ee0009"]: removed: live',
        expect.stringMatching(/^lan: cidr: 192.168.62.0\/24 => 192.168.61.0\/24: needs a restart/),
        "pool: active: false => true: live",
      ]),
    );
    expect(await virsh("pool-list", "--name")).toContain("pool");
    expect(await guestPage(lab.host, address, "boot-id")).toBe(bootId);
  });

  it("keeps the volumes of a pool that somebody took from the host's list, and lists it again", async () => {
    await virsh("pool-destroy", "pool");
    await virsh("pool-undefine", "pool");
    const shown = await refresh();
    expect(shown).toMatch(/- .*StoragePool[\s\S]*pool/);
    expect(shown).toMatch(/spare: the storage pool "pool" is not defined .*: what was known last is kept/);
    await repair();
    const there = await inventory(lab.host);
    expect(there.pools).toEqual(["pool"]);
    expect(there.files).toContain(`${lab.host.pools}/stack/spare`);
  });

  it("starts again what somebody powered off, and stops what somebody started", async () => {
    await virsh("destroy", "web");
    await virsh("start", "idle");
    const shown = await refresh();
    expect(shown).toMatch(/powerState *: "running" => "stopped"/);
    expect(shown).toMatch(/powerState *: "stopped" => "running"/);
    const words = await repair();
    expect(words).toEqual(
      expect.arrayContaining([
        "web: powerState: stopped => running: live",
        "idle: powerState: running => stopped: live",
      ]),
    );
    expect(await virsh("domstate", "web")).toContain("running");
    expect(await virsh("domstate", "idle")).toContain("shut off");
    expect(await guestPage(lab.host, address, "hostname")).toBe("web");
  });

  it("makes again what somebody deleted", async () => {
    await virsh("vol-delete", "spare", "--pool", "pool");
    await virsh("undefine", "idle");
    const shown = await refresh();
    expect(shown).toMatch(/- .*VirtualMachine[\s\S]*idle/);
    expect(shown).toMatch(/- .*Volume[\s\S]*spare/);
    await repair();
    const there = await inventory(lab.host);
    expect(there.machines).toEqual(["idle", "web"]);
    expect(there.files).toContain(`${lab.host.pools}/stack/spare`);
  });

  it("leaves alone what nobody declared: a device and metadata of somebody else", async () => {
    await apply(["attach-device", "web"], WATCHDOG, "--config");
    await virsh("metadata", "web", "urn:example:billing", "--key", "b", "--set", THEIRS, "--live", "--config");
    await isSettled(lab.stack);
    const before = [await xml("web", "--inactive"), await xml("web")];
    await lab.stack.program(program(lab, "edited"));
    await lab.stack.up();
    await isSettled(lab.stack);
    const after = [await xml("web", "--inactive"), await xml("web")];
    expect(after[0]).toContain("i6300esb");
    const elements = (text: string | undefined) =>
      text
        ?.split("\n")
        .map((line) => line.trim())
        .sort();
    expect(after.map(elements)).toEqual(before.map((text) => elements(text.replace(">ours<", ">edited<"))));
  });

  it("goes without what is gone already, and through a pool that was stopped", async () => {
    await virsh("destroy", "web");
    await virsh("undefine", "web");
    await virsh("pool-destroy", "pool");
    await virsh("net-destroy", "lan");
    await virsh("net-undefine", "lan");
    await lab.host.exec(["rm", "-f", `${lab.host.pools}/theirs.raw`]);
    await lab.stack.destroy();
    expect(await inventory(lab.host)).toEqual(NOTHING);
  });
});
