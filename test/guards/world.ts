import { writeFile } from "node:fs/promises";
import type { LibvirtHost as Lab } from "../hosts/libvirtd.js";
import { foreign } from "./lab.js";

/** The MAC and the address of the machine `theirs`. */
export const MAC = "52:54:00:aa:bb:cc";

const machine = (name: string, disk: string) => `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>
  <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>
  ${name === "theirs" ? `<interface type='network'><mac address='${MAC}'/><source network='theirs'/></interface>` : ""}
  </devices></domain>`;

/** What others have on a host: a pool, volumes, a network, a machine that runs and one that does not, and a bridge. */
export async function furnish(lab: Lab): Promise<void> {
  const folder = `${lab.pools}/theirs`;
  await lab.virsh("pool-define-as", "theirs", "dir", "--target", folder);
  await lab.virsh("pool-build", "theirs");
  await lab.virsh("pool-start", "theirs");
  await lab.virsh("pool-define-as", "asleep", "dir", "--target", `${lab.pools}/asleep`);
  for (const name of ["theirs.qcow2", "stopped.qcow2", "running.qcow2"])
    await lab.virsh("vol-create-as", "theirs", name, "1M", "--format", "qcow2");
  await writeFile(`${folder}/unlisted.qcow2`, "somebody's data");
  await foreign(
    lab,
    "net-define",
    `<network><name>theirs</name><bridge name='virtheirs'/><ip address='10.90.0.1' prefix='24'/></network>`,
  );
  await foreign(lab, "define", machine("theirs", `${folder}/stopped.qcow2`));
  await foreign(lab, "define", machine("running", `${folder}/running.qcow2`));
  await lab.virsh("start", "running", "--paused");
  await lab.exec(["ip", "link", "add", "hostbr", "type", "bridge"]);
  await lab.exec(["ip", "addr", "add", "10.92.0.1/24", "dev", "hostbr"]);
  await lab.exec(["ip", "link", "set", "hostbr", "up"]);
}
