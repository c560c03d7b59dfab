import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { waitFor } from "./host-folder.js";
import type { LibvirtHost } from "./libvirt-host.js";
import { hasProgram } from "./requirements.js";

/** Memory that the guest needs to boot, in MiB (measured: UEFI's loader cannot place the kernel's files in 128). */
export const guestMemory = { bios: 128, uefi: 256 } as const;

/**
 * What the guest tells over HTTP on port 80, each as it is at the moment of asking: `boot-id`, `meminfo`, `cpus`
 * (number of processors at work), `disks`, `nics`, `uptime`, `hostname`, `seed` (the user data it booted with),
 * `cdrom` (the user data in the drive now), `user-data.log` (what the script said), `index.html` (`hello from HOSTNAME`).
 */
export type GuestPage =
  | "boot-id"
  | "meminfo"
  | "cpus"
  | "disks"
  | "nics"
  | "uptime"
  | "hostname"
  | "seed"
  | "cdrom"
  | "user-data.log"
  | "index.html";

/** Why the guest cannot be built here; undefined when it can. */
export const guestRequirements = (): string | undefined => {
  const lacks = ["apt-get", "apt-cache", "dpkg", "qemu-img"].filter((name) => !hasProgram(name));
  return lacks.length === 0 ? undefined : `needs ${lacks.join(", ")}`;
};

/**
 * The path of the guest's disk image (qcow2 of 14 MB, 32 MiB inside, boots by BIOS and by UEFI from a virtio or IDE
 * disk), built when it is not there yet. Never start it itself: copy it or put a layer on it.
 */
export const guestImage = async (): Promise<string> => {
  const script = join(__dirname, "../../tools/guest/build");
  const { stdout } = await promisify(execFile)("bash", [script], { timeout: 300_000 });
  return stdout.trim();
};

/** Asks a guest for a page from inside the host's network until it answers. Limit in milliseconds. */
export const guestPage = (host: LibvirtHost, address: string, page: GuestPage, limit = 60_000): Promise<string> => {
  const url = `http://${address.includes(":") ? `[${address}]` : address}/${page}`;
  const answer = () =>
    host.get(url, 5_000).then(
      (text) => text.trim(),
      () => undefined,
    );
  return waitFor(answer, limit, () => `no answer from ${url}`);
};

/** The IPv4 address that the host's DHCP server gave to a MAC (lower case) in that network, as soon as it did. */
export const leasedAddress = (host: LibvirtHost, network: string, mac: string, limit = 60_000): Promise<string> => {
  const lease = async () => {
    const table = await host.virsh("net-dhcp-leases", network, mac);
    return / ([\d.]+)\/\d+ /.exec(table)?.[1];
  };
  return waitFor(lease, limit, () => `no lease for ${mac} in ${network}`);
};
