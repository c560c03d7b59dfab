import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { Create } from "../../provider/backends/libvirt/rpc/flags.js";
import { domains } from "../../provider/backends/libvirt/rpc/procedures/domain.js";
import { breaksDown } from "../../provider/backends/libvirt/vm/breakdown.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { doctor, inventory } from "./lab.js";

const reason = requirements() ?? (existsSync("/dev/kvm") ? undefined : "needs /dev/kvm, usable or not");
const { signal } = new AbortController();

/** A firmware of 64 KiB that does nothing but `code`, from the first instruction of the processor on. */
const rom = (code: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(65_536, 0xf4);
  Buffer.from(code).copy(bytes, 0x100);
  // jmp 0x100, at the place where a processor starts.
  Buffer.from([0xe9, 0x0d, 0x01]).copy(bytes, 0xfff0);
  return bytes;
};
/**
 * A KVM that runs guests by emulation stops at an instruction of the coprocessor (`fld st0`), and one of a real processor
 * when code is fetched from where there is no memory (a jump to a000:0000).
 */
const STOPS = [0xd9, 0xc0, 0xea, 0x00, 0x00, 0x00, 0xa0];
const GOES_ON = [0xeb, 0xfe];

const machine = (name: string, type: string, more: string): string =>
  `<domain type='${type}'><name>${name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type machine='q35'>hvm</type>${more}</os><features><acpi/><apic/></features>
  ${type === "kvm" && more === "" ? "<cpu mode='host-passthrough'/>" : ""}
  <devices><controller type='usb' model='none'/><memballoon model='none'/></devices></domain>`;

describe.skipIf(reason !== undefined)(`doctor where /dev/kvm is${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  beforeAll(async () => {
    host = await startLibvirtd({ kvm: true });
  });
  afterAll(() => host?.stop());

  const opened = async <T>(use: (host: ReturnType<typeof openHost>) => Promise<T>): Promise<T> => {
    const session = openHost({ uri: host.uri });
    try {
      return await use(session);
    } finally {
      await session.close();
    }
  };

  it("says whether KVM works as a machine finds it, and leaves nothing", async () => {
    const file = join(host.pools, "kvm.xml");
    await writeFile(file, machine("proof", "kvm", ""));
    const works = await host.virsh("create", file).then(
      () => host.virsh("destroy", "proof").then(() => true),
      () => false,
    );
    const before = await inventory(host);
    const found = await doctor(host.uri);
    expect(found.said).toContain("crossvisor-doctor-kvm");
    if (works) found.finding("ok", "kvm", /KVM works/);
    else found.finding("warning", "kvm", /offers KVM, and it does not work/);
    expect((await doctor(host.uri, { options: ["--no-try"] })).levels("kvm")).toEqual(["unknown"]);
    expect(await inventory(host)).toBe(before);
  });

  it("recognises a device that QEMU's user may not use, and its remedy ends it", async () => {
    await host.exec(["chmod", "0600", "/dev/kvm"]);
    const found = await doctor(host.uri);
    const trap = found.finding("problem", "start", /QEMU's user may not use it/);
    expect(found.code).toBe(1);
    for (const command of trap.commands ?? [])
      if (!command.startsWith("systemctl")) await host.exec(["sh", "-c", command]);
    await host.restart();
    expect((await doctor(host.uri)).levels("start")).toEqual([]);
  }, 300_000);

  it("notices a guest whose processor stops by itself, and takes no other pause for that", async () => {
    const loader = async (name: string, code: readonly number[]): Promise<string> => {
      await writeFile(join(host.pools, name), rom(code));
      return `<loader readonly='yes' type='rom'>${join(host.pools, name)}</loader>`;
    };
    const [stops, goesOn] = [await loader("stops.rom", STOPS), await loader("goes-on.rom", GOES_ON)];
    await opened(async (h) => {
      const start = (name: string, type: string, more: string, flags = 0) =>
        h.session.call(domains.createXml, { xml: machine(name, type, more), flags: Create.autodestroy | flags });
      expect(await breaksDown(h, await start("stops", "kvm", stops), 30_000, signal)).toBe(true);
      expect(await breaksDown(h, await start("goes-on", "qemu", goesOn), 300, signal)).toBe(false);
      expect(await breaksDown(h, await start("paused", "qemu", goesOn, Create.paused), 30_000, signal)).toBe(false);
      const ended = await start("ended", "qemu", goesOn);
      await h.session.call(domains.destroy, { dom: ended, flags: 0 });
      await expect(breaksDown(h, ended, 30_000, signal)).rejects.toMatchObject({ code: "not-found" });
    });
  });
});
