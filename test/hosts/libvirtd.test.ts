import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { initOf, sweepHosts, waitFor } from "./host-folder.js";
import { type LibvirtHost, openLibvirtd, requirements, startLibvirtd } from "./libvirtd.js";

const reason = requirements();

/** Every process of the machine that lives in that network. */
const dwellers = async (network: string): Promise<string[]> => {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const link = await readlink(`/proc/${pid}/ns/net`).catch(() => "");
    if (link === network) found.push(pid);
  }
  return found;
};

const networkXml = (name: string): string => `<network><name>${name}</name><forward mode='nat'/>
  <bridge name='virbr7'/><ip address='192.168.77.1' prefix='24'>
  <dhcp><range start='192.168.77.10' end='192.168.77.99'/></dhcp></ip></network>`;

const diskless = (name: string): string => `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os></domain>`;

const define = async (host: LibvirtHost, verb: string, xml: string): Promise<void> => {
  const script = 'f=$(mktemp) && printf %s "$2" >"$f" && virsh "$1" "$f"; s=$?; rm -f "$f"; exit $s';
  await host.exec(["sh", "-c", script, "sh", verb, xml]);
};

describe.skipIf(reason !== undefined)(`a private libvirtd${reason === undefined ? "" : ` (${reason})`}`, () => {
  const hosts: LibvirtHost[] = [];
  const start = async (...options: Parameters<typeof startLibvirtd>): Promise<LibvirtHost> => {
    const host = await startLibvirtd(...options);
    hosts.push(host);
    return host;
  };
  afterEach(async () => {
    for (const host of hosts.splice(0)) await host.stop();
  });

  it("answers, is empty and leaves no process, network, mount or file", async () => {
    const host = await start();
    expect((await host.virsh("list", "--all", "--name")).trim()).toBe("");
    expect((await host.virsh("net-list", "--all", "--name")).trim()).toBe("");
    await define(host, "net-create", networkXml("n"));
    await define(host, "create", diskless("d"));
    expect(await host.exec(["ip", "-brief", "link"])).toContain("virbr7");
    const network = await readlink(`/proc/${host.pid}/ns/net`);
    // libvirtd, dnsmasq with its helper, QEMU and the first process
    expect((await dwellers(network)).length).toBeGreaterThanOrEqual(4);
    await host.stop();
    expect(await dwellers(network)).toEqual([]);
    expect(existsSync(host.root)).toBe(false);
    expect(await readFile("/proc/self/mounts", "utf8")).not.toContain(host.root);
    expect(existsSync("/sys/class/net/virbr7")).toBe(false);
    await host.stop();
  });

  it("stands beside another one with the same names and addresses", async () => {
    const [a, b] = [await start(), await start()];
    for (const host of [a, b]) {
      await define(host, "net-create", networkXml("same"));
      await define(host, "create", diskless("same"));
    }
    await a.stop();
    expect((await b.virsh("list", "--name")).trim()).toBe("same");
    expect((await b.virsh("net-list", "--name")).trim()).toBe("same");
  });

  it("destroys a domain in less than a second", async () => {
    const host = await start();
    await define(host, "create", diskless("d"));
    const begin = Date.now();
    await host.virsh("destroy", "d");
    expect(Date.now() - begin).toBeLessThan(1000);
  });

  it("keeps domains over a crash and a restart of the daemon", async () => {
    const host = await start();
    await define(host, "create", diskless("d"));
    await host.kill9();
    await expect(host.virsh("list")).rejects.toThrow();
    await host.restart();
    expect((await host.virsh("list", "--name")).trim()).toBe("d");
  });

  it("takes settings and says why it does not start", async () => {
    const host = await start({ libvirtdConf: ["max_client_requests = 2"] });
    expect(await host.exec(["cat", "/etc/libvirt/libvirtd.conf"])).toContain("max_client_requests = 2");
    await expect(startLibvirtd({ libvirtdConf: ['log_outputs = "nonsense"'] })).rejects.toThrow(/ended.*nonsense/s);
  });

  it("ends with the process that started it, even when that is killed", async () => {
    const script = `require("tsx/cjs/api").register();
      require(${JSON.stringify(join(__dirname, "libvirtd.ts"))}).startLibvirtd().then((h) => { console.log(h.root); setInterval(() => {}, 1000); });`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const root = line.toString().trim();
    const init = await initOf(root);
    const network = await readlink(`/proc/${init?.pid}/ns/net`);
    child.kill("SIGKILL");
    const empty = async () => ((await dwellers(network)).length === 0 ? true : undefined);
    await waitFor(empty, 10_000, () => "the host lives on");
    expect(await sweepHosts()).toContain(root);
    expect(existsSync(root)).toBe(false);
  });

  it("can outlive its maker and be opened again", async () => {
    const host = await start({ free: true });
    expect(await sweepHosts()).not.toContain(host.root);
    const again = await openLibvirtd(host.root);
    expect(again.uri).toBe(host.uri);
    await again.stop();
    await expect(openLibvirtd(host.root)).rejects.toThrow(/no libvirt host/);
  });
});
