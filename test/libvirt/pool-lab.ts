import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "../hosts/host-folder.js";
import type { LibvirtHost } from "../hosts/libvirt-host.js";
import { hasProgram, systemPath } from "../hosts/requirements.js";

const run = (program: string, ...words: string[]): string =>
  execFileSync(program, words, { encoding: "utf8", env: { ...process.env, PATH: systemPath(), LC_ALL: "C" } }).trim();

const lacking = (...programs: string[]) => programs.filter((name) => !hasProgram(name));
const says = (lacks: readonly string[]): string | undefined =>
  lacks.length > 0 ? `needs ${lacks.join(", ")}` : undefined;
const kernelKnows = (file: string, word: string): boolean =>
  existsSync(file) && readFileSync(file, "utf8").split(/\s+/).includes(word);

/** Why there can be no volume groups here; `undefined` when there can. */
export const groupsLack = (): string | undefined => {
  const lacks = lacking("vgcreate", "losetup", "mkfs.ext4");
  if (!existsSync("/dev/loop-control")) lacks.push("loop devices");
  return says(lacks);
};

/** Why there can be no logical volumes here, beside `groupsLack`. */
export const volumesLack = (): string | undefined =>
  groupsLack() ?? says(kernelKnows("/proc/devices", "device-mapper") ? [] : ["device-mapper in the kernel"]);

/** Why no GlusterFS can be served and mounted here. */
export const glusterLacks = (): string | undefined => {
  const lacks = lacking("glusterd", "gluster", "mount.glusterfs");
  if (!existsSync("/dev/fuse")) lacks.push("/dev/fuse");
  return says(lacks);
};

/** Why no NFS can be served and mounted here. */
export const nfsLacks = (): string | undefined => {
  const lacks = lacking("rpc.nfsd", "rpc.mountd", "exportfs", "mount.nfs");
  for (const word of ["nfsd", "nfs4"]) if (!kernelKnows("/proc/filesystems", word)) lacks.push(`${word} in the kernel`);
  return says(lacks);
};

/** A folder of the host's own stands in for a public one. */
async function standIn(host: LibvirtHost, name: string, path: string): Promise<string> {
  const own = join(host.root, name);
  await mkdir(own, { recursive: true });
  await host.exec(["mkdir", "-p", path]);
  await host.exec(["mount", "--bind", own, path]);
  return own;
}

/** LVM without udev, with its configuration and records in the host's folder, seeing loop devices of this host alone. */
export async function prepareLvm(host: LibvirtHost): Promise<void> {
  const own = join(host.root, "lvm");
  await cp("/etc/lvm", own, { recursive: true });
  const lines = [
    "activation { udev_sync=0 udev_rules=0 verify_udev_operations=1 }",
    'devices { obtain_device_list_from_udev=0 external_device_info_source="none" filter=["a|^/dev/loop|","r|.*|"] }',
  ];
  await writeFile(join(own, "lvmlocal.conf"), `${lines.join("\n")}\n`);
  await standIn(host, "lvm", "/etc/lvm");
  await host.exec(["mkdir", "-p", "/run/lvm", "/run/lock/lvm"]);
  await host.exec(["bash", "-c", "ln -sf /proc/self/mounts /etc/mtab; true"]);
}

/** Loop devices of hosts that are gone. */
function sweepLoops(): void {
  for (const line of run("losetup", "--list", "--noheadings", "--raw", "--output", "NAME,BACK-FILE").split("\n")) {
    const [name, file = ""] = line.split(" ");
    if (name && file.includes("/crossvisor-hosts/") && !existsSync(file)) run("losetup", "--detach", name);
  }
}

/** A block device of the host with that many MiB of noise, as a used disk has. Ends with `freeDevice`. */
export async function blockDevice(host: LibvirtHost, name: string, MiB: number): Promise<string> {
  sweepLoops();
  const file = join(host.root, `${name}.img`);
  await host.exec(["dd", "if=/dev/urandom", `of=${file}`, "bs=1M", `count=${MiB}`]);
  const device = run("losetup", "--find", "--show", file);
  const number = device.replace(/\D/g, "");
  await host.exec(["bash", "-c", `[ -b ${device} ] || mknod ${device} b 7 ${number}`]);
  return device;
}

export const freeDevice = (device: string): void => {
  run("losetup", "--detach", device);
};

/** Why no file system whose files can share extents can be mounted here. */
export const cloningLacks = (): string | undefined =>
  says([...lacking("mkfs.xfs", "losetup"), ...(kernelKnows("/proc/filesystems", "xfs") ? [] : ["xfs in the kernel"])]);

/** A folder inside the host on an XFS of its own, of that many MiB (300 at least): files can be cloned there. Ends with the host. */
export async function cloningFolder(host: LibvirtHost, MiB: number): Promise<string> {
  sweepLoops();
  const [file, folder] = [join(host.root, "xfs.img"), join(host.pools, "xfs")];
  await writeFile(file, "");
  await truncate(file, MiB * 2 ** 20);
  run("mkfs.xfs", "-q", file);
  const device = run("losetup", "--find", "--show", file);
  const node = `[ -b ${device} ] || mknod ${device} b 7 ${device.replace(/\D/g, "")}`;
  await host.exec(["bash", "-c", `${node}; mkdir -p ${folder} && mount ${device} ${folder}`]);
  // As long as it is mounted it stays.
  freeDevice(device);
  return folder;
}

/** Address that a file server of the host listens on. */
export const SERVER = "10.99.0.1";

/** A GlusterFS volume `images`, served inside the host. */
export async function serveGluster(host: LibvirtHost): Promise<void> {
  await standIn(host, "gluster-log", "/var/log/glusterfs");
  await standIn(host, "gluster-lib", "/var/lib/glusterd");
  await host.exec(["bash", "-c", "[ -c /dev/fuse ] || mknod /dev/fuse c 10 229"]);
  await host.exec(["ip", "address", "add", `${SERVER}/32`, "dev", "lo"]);
  await host.exec(["mkdir", "-p", "/run/gluster"]);
  await host.exec(["glusterd", "-p", "/run/glusterd.pid"]);
  const gluster = (...words: string[]) => host.exec(["gluster", "--mode=script", ...words]);
  const create = () =>
    gluster("volume", "create", "images", `${SERVER}:${join(host.root, "brick")}`, "force").catch(() => undefined);
  await waitFor(create, 30_000, () => "glusterd does not make a volume");
  await gluster("volume", "start", "images");
}

/** NFS 4 inside the host, with `/images`. */
export async function serveNfs(host: LibvirtHost): Promise<void> {
  await host.exec(["ip", "address", "add", `${SERVER}/32`, "dev", "lo"]);
  await standIn(host, "nfs-lib", "/var/lib/nfs");
  const own = join(host.root, "exports");
  const lines = [
    `${own} *(rw,fsid=0,no_root_squash,no_subtree_check,insecure)`,
    `${own}/images *(rw,fsid=1,no_root_squash,no_subtree_check,insecure)`,
  ];
  // Each is a file system of its own, which can be exported whatever lies under this folder.
  for (const name of ["", "images"]) {
    await host.exec(["mkdir", "-p", join(own, name)]);
    await host.exec(["mount", "-t", "tmpfs", "-o", "size=64m", "exports", join(own, name)]);
  }
  await writeFile(join(host.root, "exports.conf"), `${lines.join("\n")}\n`);
  const conf = join(host.root, "exports.conf");
  const steps = [
    "touch /etc/exports 2>/dev/null; mount --bind $0 /etc/exports",
    "mkdir -p /var/lib/nfs/v4recovery && touch /var/lib/nfs/etab /var/lib/nfs/rmtab",
    "mount -t nfsd nfsd /proc/fs/nfsd",
    "exportfs -ra && rpc.mountd --no-nfs-version 3 && rpc.nfsd --no-nfs-version 3 --no-udp 2",
  ];
  for (const step of steps) await host.exec(["bash", "-c", step, conf]);
}
