import { watch } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { guestImage, guestRequirements } from "../../test/hosts/guest.js";
import type { Lab } from "../lab.js";
import { interleaved } from "../measure.js";
import { atMost, type Result } from "../report.js";
import { openTerraform } from "../terraform.js";
import { openWorker } from "../worker.js";

/** Milliseconds within which a guest has to boot and to ask for an address. */
const BOOT = 300_000;
const network = (name: string, octet: number) => ({
  name,
  cidr: `10.96.${octet}.0/24`,
  addressing: "dhcp",
  dhcp: { range: { start: `10.96.${octet}.10`, end: `10.96.${octet}.200` } },
});

/**
 * A guest boots and asks for an address by DHCP: milliseconds from the moment at which the host's DHCP server writes the
 * lease down until the creation of the machine has ended with the address.
 */
export async function lease(lab: Lab): Promise<readonly Result[]> {
  if (guestRequirements() !== undefined) return [];
  const image = await guestImage();
  const uri = lab.uri("qemu:///system");
  const worker = openWorker({ uri });
  await worker.make("StoragePool", { name: "bench", path: join(lab.host.pools, "bench") });
  await worker.make("Network", network("bench-ours", 1));
  const volume = await worker.make("Volume", { name: "guest", pool: "bench", source: image });
  const path = String(volume.outputs["path"]);
  const ours = async (): Promise<number> => {
    const leased = leaseOf(lab, "bench-ours");
    const made = await worker.make("VirtualMachine", {
      name: "bench",
      memory: "128MiB",
      firmware: "bios",
      acceleration: "none",
      shutdown: { method: "acpi", timeout: 1, onTimeout: "force" },
      disks: [{ volume: path }],
      networks: [{ network: "bench-ours" }],
      waitForAddress: { timeout: BOOT / 1000 },
    });
    const known = performance.now();
    const late = known - (await leased);
    await worker.remove("VirtualMachine", made);
    return late;
  };
  const values = await interleaved(lab.options.repeat, { crossvisor: ours, ...terraform(lab, image) });
  await worker.close();
  return [{ name: "from the lease to the address", unit: "ms", values, goal: atMost(1000, "crossvisor") }];
}

function terraform(lab: Lab, image: string): Readonly<Record<string, () => Promise<number>>> {
  const peer = lab.peers.terraform;
  if (peer === undefined) return {};
  const side = async (): Promise<number> => {
    const project = await openTerraform(peer, lab.uri("qemu:///system"));
    const made = (machines: string): Promise<void> => project.program(`${foundation(image)}\n${machines}`);
    await made("");
    await project.run("apply");
    await made(MACHINE);
    const leased = leaseOf(lab, "bench-tf");
    await project.run("apply");
    const known = performance.now();
    const late = known - (await leased);
    await project.run("destroy");
    await project.close();
    return late;
  };
  return { [`${peer.name} apply`]: side };
}

const foundation = (image: string): string => `
resource "libvirt_network" "n" {
  name      = "bench-tf"
  mode      = "nat"
  addresses = ["10.96.2.0/24"]
}
resource "libvirt_volume" "v" {
  name   = "tf-guest"
  pool   = "bench"
  source = ${JSON.stringify(image)}
}`;

const MACHINE = `
resource "libvirt_domain" "d" {
  name   = "tf-bench"
  memory = 128
  vcpu   = 1
  type   = "qemu"
  disk {
    volume_id = libvirt_volume.v.id
  }
  network_interface {
    network_id     = libvirt_network.n.id
    wait_for_lease = true
  }
}`;

/** When the DHCP server of a network writes a lease down that was not there: libvirt's file of it changes. */
async function leaseOf(lab: Lab, name: string): Promise<number> {
  const folder = join(lab.host.root, "lib/dnsmasq");
  const bridge = /bridge name='([^']+)'/.exec(await lab.host.virsh("net-dumpxml", name))?.[1] ?? "";
  const before = await leasesIn(folder, bridge);
  return await new Promise<number>((resolve, reject) => {
    const watcher = watch(folder, async () => {
      const now = performance.now();
      const found = await leasesIn(folder, bridge);
      if (found === before || found.length <= 10) return;
      done();
      resolve(now);
    });
    const timer = setTimeout(() => {
      done();
      reject(new Error(`no lease in ${name} within ${BOOT} ms`));
    }, BOOT);
    const done = (): void => {
      clearTimeout(timer);
      watcher.close();
    };
  });
}

/** The text of the leases; empty where there are none. */
async function leasesIn(folder: string, bridge: string): Promise<string> {
  const names = await readdir(folder);
  const name = `${bridge}.status`;
  return names.includes(name) ? readFile(join(folder, name), "utf8") : "";
}
