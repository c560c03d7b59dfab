import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { doctor, inventory } from "./lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`doctor on a host${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  const pool = async (name: string, path: string): Promise<void> => {
    await host.virsh("pool-define-as", name, "dir", "--target", path);
    await host.virsh("pool-build", name);
    await host.virsh("pool-start", name);
    await host.virsh("pool-autostart", name);
  };
  const network = async (): Promise<void> => {
    const file = join(host.pools, "net.xml");
    const dhcp = "<dhcp><range start='192.168.99.10' end='192.168.99.20'/></dhcp>";
    const ip = `<ip address='192.168.99.1' prefix='24'>${dhcp}</ip>`;
    await writeFile(file, `<network><name>default</name><bridge name='vd9'/>${ip}</network>`);
    await host.virsh("net-define", file);
  };

  beforeAll(async () => {
    host = await startLibvirtd();
  });
  afterAll(() => host?.stop());

  it("says that a fresh host lacks a default pool and network, which is no problem", async () => {
    const before = await inventory(host);
    const found = await doctor(host.uri);
    found.finding("ok", "reach", /libvirt \d+\.\d+\.\d+ with QEMU \d/);
    found.finding("ok", "rights");
    found.finding("ok", "marks");
    expect(found.finding("warning", "storage pool", /no storage pool "default"/).commands).toBeDefined();
    found.finding("note", "network", /no network "default"/);
    expect(found.code).toBe(0);
    expect((await doctor(host.uri, { options: ["--strict"] })).code).toBe(1);
    expect(await inventory(host)).toBe(before);
  });

  it("says that all is well once they are there, by trying, and leaves nothing", async () => {
    await pool("default", join(host.pools, "images"));
    await network();
    await host.virsh("net-start", "default");
    await host.virsh("net-autostart", "default");
    const before = await inventory(host);
    const found = await doctor(host.uri);
    expect(found.said).toContain("crossvisor-doctor-disk");
    expect([...new Set(found.levels("storage pool")), ...new Set(found.levels("network"))]).toEqual(["ok", "ok"]);
    for (const topic of ["emulator", "firmware", "secure boot", "tpm", "memory", "connections"])
      expect([topic, ...found.levels(topic)]).toEqual([topic, "ok"]);
    expect(found.findings.filter(({ level }) => level === "unknown" || level === "problem")).toEqual([]);
    expect(await inventory(host)).toBe(before);
  });

  it("starts and makes nothing when it may not try", async () => {
    const events = await host.exec(["sh", "-c", "ls -la --time-style=full-iso /var/log/libvirt/qemu"]);
    const found = await doctor(host.uri, { options: ["--no-try"] });
    expect(found.said).toBe("");
    expect(await host.exec(["sh", "-c", "ls -la --time-style=full-iso /var/log/libvirt/qemu"])).toBe(events);
    expect(found.code).toBe(0);
  });

  it("sees stopped networks and pools, with the command that starts them", async () => {
    await host.virsh("net-destroy", "default");
    await host.virsh("pool-destroy", "default");
    const found = await doctor(host.uri);
    const net = found.finding("warning", "network", /"default" is stopped/);
    const stopped = found.finding("warning", "storage pool", /"default" is stopped/);
    for (const command of [...(net.commands ?? []), ...(stopped.commands ?? [])])
      await host.exec(["sh", "-c", command]);
    const then = await doctor(host.uri);
    expect([...new Set(then.levels("storage pool")), ...new Set(then.levels("network"))]).toEqual(["ok", "ok"]);
  });

  it("sees a pool's folder that is closed to QEMU's user", async () => {
    const folder = join(host.pools, "images");
    await host.exec(["chmod", "0700", folder]);
    await host.virsh("pool-refresh", "default");
    try {
      const before = await inventory(host);
      const asked = await doctor(host.uri, { options: ["--no-try"] });
      const closed = asked.finding("problem", "storage pool", /may not enter .*images, which has mode 0700/);
      expect(asked.code).toBe(1);
      expect((await doctor(host.uri)).finding("problem", "storage pool", /a machine cannot use volumes/)).toBeDefined();
      expect(await inventory(host)).toBe(before);
      for (const command of closed.commands ?? []) await host.exec(["sh", "-c", command]);
      await host.virsh("pool-refresh", "default");
      expect(new Set((await doctor(host.uri)).levels("storage pool"))).toEqual(new Set(["ok"]));
    } finally {
      await host.exec(["chmod", "0711", folder]);
    }
  });

  it("sees by trying that a folder further up is closed, and which pool that is", async () => {
    const closed = join(host.pools, "closed");
    await host.exec(["mkdir", "-m", "0700", closed]);
    await pool("inner", join(closed, "inner"));
    try {
      const before = await inventory(host);
      expect((await doctor(host.uri, { options: ["--no-try"] })).code).toBe(0);
      const found = await doctor(host.uri);
      const denied = found.finding("problem", "storage pool", /"inner".*Permission denied/);
      expect(denied.found).not.toContain('"default"');
      expect(denied.commands?.[0]).toBe(`namei -l ${closed}/inner`);
      expect(await inventory(host)).toBe(before);
    } finally {
      await host.virsh("pool-destroy", "inner");
      await host.virsh("pool-undefine", "inner");
    }
  });

  it("sees a pool without space, and one that nothing can be made in", async () => {
    const folder = join(host.pools, "small");
    await host.exec(["mkdir", folder]);
    await host.exec(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0711", "small", folder]);
    await pool("small", folder);
    try {
      (await doctor(host.uri)).finding("warning", "storage pool", /"small" has .* left/);
      await host.exec(["mount", "-o", "remount,ro", folder]);
      (await doctor(host.uri)).finding("problem", "storage pool", /no volume can be made in the storage pool "small"/);
    } finally {
      await host.virsh("pool-destroy", "small");
      await host.virsh("pool-undefine", "small");
      await host.exec(["umount", folder]);
    }
  });

  it("takes away what a look left that was killed, and nothing younger", async () => {
    const volume = async (age: number): Promise<string> => {
      const name = `crossvisor-doctor-${(Date.now() - age).toString(36)}-0123ab.raw`;
      await host.virsh("vol-create-as", "default", name, "1024", "--format", "raw");
      return name;
    };
    const [old, young] = [await volume(2 * 3_600_000), await volume(60_000)];
    await doctor(host.uri);
    const left = await host.virsh("vol-list", "default");
    expect(left).toContain(young);
    expect(left).not.toContain(old);
    await host.virsh("vol-delete", young, "default");
  });

  it("sees missing firmware and a missing TPM emulator", async () => {
    const empty = join(host.pools, "empty");
    await host.exec(["sh", "-c", `mkdir ${empty} && : >${empty}/swtpm && chmod 644 ${empty}/swtpm`]);
    const hidden = ["/usr/share/qemu/firmware", "/usr/share/OVMF"];
    for (const folder of hidden) await host.exec(["mount", "-t", "tmpfs", "hidden", folder]);
    await host.exec(["mount", "--bind", join(empty, "swtpm"), "/usr/bin/swtpm"]);
    await host.exec(["rm", "-rf", "/var/cache/libvirt/qemu/capabilities"]);
    await host.restart();
    try {
      const found = await doctor(host.uri);
      expect(found.finding("problem", "firmware").remedy).toMatch(/ovmf/);
      expect(found.levels("secure boot")).toEqual([]);
      expect(found.finding("warning", "tpm").remedy).toMatch(/swtpm/);
      expect(found.code).toBe(1);
    } finally {
      for (const folder of [...hidden, "/usr/bin/swtpm"]) await host.exec(["umount", folder]);
      await host.restart();
    }
  });

  it("says of a read-only socket that nothing can be declared, and tries nothing", async () => {
    const found = await doctor(`${host.uri}-ro`);
    expect(found.finding("problem", "rights", /read-only/).remedy).toContain("libvirt-sock");
    expect(found.levels("emulator")).toEqual(["unknown"]);
    expect({ code: found.code, said: found.said }).toEqual({ code: 1, said: "" });
  });

  it("says why a host is not reached, and nothing else", async () => {
    const found = await doctor(`qemu:///system?socket=${host.root}/nothing-here`);
    expect(found.findings).toHaveLength(1);
    expect(found.finding("problem", "reach", /nothing-here/).remedy).toBeDefined();
    expect(found.code).toBe(1);
  });

  it("knows the test driver for what it is", async () => {
    const found = await doctor(host.uri.replace("qemu:///system", "test:///default"));
    found.finding("note", "host", /test driver/);
    found.finding("ok", "rights");
    expect(found.levels("kvm")).toEqual([]);
    expect({ code: found.code, said: found.said }).toEqual({ code: 0, said: "" });
  });
});
