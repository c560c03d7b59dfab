import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { networkConfig, seed } from "../../provider/media/nocloud.js";
import { guestImage, guestMemory, guestPage, guestRequirements, leasedAddress } from "./guest.js";
import { waitFor } from "./host-folder.js";
import { type LibvirtHost, requirements, startLibvirtd } from "./libvirtd.js";

const reason = requirements() ?? guestRequirements();
const mac = "52:54:00:00:00:01";
const secondMac = "52:54:00:00:00:02";

const network = `<network><name>n</name><bridge name='vb0'/><ip address='192.168.77.1' prefix='24'>
  <dhcp><range start='192.168.77.100' end='192.168.77.150'/></dhcp></ip></network>`;

// The guest's loader is not signed, and libvirt would choose a firmware that insists on that.
const boots = {
  bios: "<os><type arch='x86_64' machine='q35'>hvm</type></os>",
  uefi: `<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type>
    <firmware><feature enabled='no' name='secure-boot'/></firmware></os>`,
};

const domain = (root: string, firmware: "bios" | "uefi", seedFile?: string): string => `<domain type='qemu'>
  <name>${firmware}</name><memory unit='MiB'>${guestMemory[firmware] * 2}</memory>
  <currentMemory unit='MiB'>${guestMemory[firmware]}</currentMemory><vcpu current='1'>2</vcpu>
  ${boots[firmware]}
  <features><acpi/></features><cpu mode='maximum'/>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${root}/${firmware}.qcow2'/>
      <target dev='vda' bus='virtio'/></disk>
    ${
      seedFile === undefined
        ? ""
        : `<controller type='scsi' model='virtio-scsi'/><disk type='file' device='cdrom'><source file='${seedFile}'/>
      <target dev='sda' bus='scsi'/><readonly/></disk>`
    }
    <controller type='pci' index='0' model='pcie-root'/>
    ${"<controller type='pci' model='pcie-root-port'/>".repeat(8)}
    <interface type='network'><mac address='${mac}'/><source network='n'/><model type='virtio'/></interface>
    <memballoon model='virtio'/>
    <serial type='file'><source path='${root}/${firmware}.console'/></serial>
  </devices></domain>`;

describe.skipIf(reason !== undefined)(`the guest${reason === undefined ? "" : ` (${reason})`}`, () => {
  let host: LibvirtHost;
  const apply = async (words: string[], xml: string): Promise<void> => {
    const file = join(host.pools, "apply.xml");
    await writeFile(file, xml);
    await host.virsh(...words, file);
  };
  const boot = async (firmware: "bios" | "uefi", seedFile?: string): Promise<void> => {
    await copyFile(await guestImage(), join(host.pools, `${firmware}.qcow2`));
    await apply(["define"], domain(host.pools, firmware, seedFile));
    await host.virsh("start", firmware);
  };
  const until = (page: Parameters<typeof guestPage>[2], address: string, right: (text: string) => boolean) =>
    waitFor(
      async () => {
        const text = await guestPage(host, address, page);
        return right(text) ? text : undefined;
      },
      30_000,
      () => `${page} of ${address} does not become right`,
    );

  beforeAll(async () => {
    host = await startLibvirtd();
    await apply(["net-create"], network);
  });
  afterAll(() => host?.stop());

  it("boots by BIOS with a seed, gets its address, name and script from it, and follows live changes", async () => {
    const seedFile = join(host.pools, "seed.iso");
    const userData = "#!/bin/sh\nmkdir -p /www\necho made by user data >/www/index.html\n";
    const nics = [{ mac, address: "192.168.77.10/24", gateway: "192.168.77.1" }, { mac: secondMac }];
    const image = seed({ instanceId: "i", hostname: "web", userData, networkConfig: networkConfig(nics) });
    await writeFile(seedFile, image);
    await boot("bios", seedFile);
    const address = "192.168.77.10";
    expect(await guestPage(host, address, "hostname")).toBe("web");
    expect(await guestPage(host, address, "index.html")).toBe("made by user data");
    const bootId = await guestPage(host, address, "boot-id");
    expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await guestPage(host, address, "cpus")).toBe("1");

    await host.virsh("setvcpus", "bios", "2", "--live");
    await until("cpus", address, (text) => text === "2");

    const total = (text: string) => Number(/MemTotal: +(\d+)/.exec(text)?.[1]);
    const before = total(await guestPage(host, address, "meminfo"));
    await host.virsh("setmem", "bios", `${guestMemory.bios * 2}M`, "--live");
    await until("meminfo", address, (text) => total(text) > before + 100_000);

    await host.exec(["qemu-img", "create", "-q", "-f", "qcow2", `${host.pools}/more.qcow2`, "8M"]);
    await apply(
      ["attach-device", "bios", "--live"],
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
        <source file='${host.pools}/more.qcow2'/><target dev='vdb' bus='virtio'/></disk>`,
    );
    await until("disks", address, (text) => /8192 vdb/.test(text));
    await host.virsh("detach-disk", "bios", "vdb", "--live");
    await until("disks", address, (text) => !text.includes("vdb"));

    await apply(
      ["attach-device", "bios", "--live"],
      `<interface type='network'><mac address='${secondMac}'/><source network='n'/><model type='virtio'/></interface>`,
    );
    expect(await guestPage(host, await leasedAddress(host, "n", secondMac), "hostname")).toBe("web");

    const otherSeed = join(host.pools, "other.iso");
    await writeFile(otherSeed, seed({ instanceId: "i", hostname: "web", userData: "#!/bin/true" }));
    expect(await guestPage(host, address, "cdrom")).toBe(userData.trim());
    await host.virsh("change-media", "bios", "sda", otherSeed, "--update", "--live");
    await until("cdrom", address, (text) => text === "#!/bin/true");
    expect(await guestPage(host, address, "seed")).toBe(userData.trim());
    expect(await guestPage(host, address, "boot-id")).toBe(bootId);
  });

  it("ends when its power button is pressed", async () => {
    await host.virsh("shutdown", "bios", "--mode", "acpi");
    const off = async () => ((await host.virsh("domstate", "bios")).includes("shut off") ? true : undefined);
    await waitFor(off, 30_000, () => "the guest goes on");
  });

  it("boots by UEFI without a seed and gets its address by DHCP", async () => {
    await boot("uefi");
    const address = await leasedAddress(host, "n", mac);
    expect(await guestPage(host, address, "index.html")).toBe("hello from guest");
  });
});
