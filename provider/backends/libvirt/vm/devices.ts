import type { Tree } from "../xml.js";
import type { Disk, Drive, Nic } from "./types.js";

/**
 * A disk by its path: a reference by pool and volume would hide the file from libvirt's AppArmor helper, which then
 * denies QEMU the access (libvirt issue 546).
 */
export const diskTree = (disk: Disk, bootOrder?: number): Tree => [
  "disk",
  { type: disk.path.startsWith("/dev/") ? "block" : "file", device: "disk" },
  ["driver", { name: "qemu", type: disk.format, discard: "unmap" }],
  ["source", disk.path.startsWith("/dev/") ? { dev: disk.path } : { file: disk.path }],
  ["target", { dev: disk.target, bus: disk.bus }],
  disk.readOnly && ["readonly"],
  ["serial", {}, disk.name],
  bootOrder !== undefined && ["boot", { order: bootOrder }],
];

/** The controller of disks and drives on SCSI. */
export const SCSI: Tree = ["controller", { type: "scsi", model: "virtio-scsi" }];

/** Where a CD drive sits: virtio-scsi, which every Linux kernel for clouds sees; SATA for Windows, which lacks the driver. */
export const cdBus = (guest: string | undefined): "scsi" | "sata" => (/^win/i.test(guest ?? "") ? "sata" : "scsi");

/** A CD drive, empty without a path. */
export const cdTree = (drive: Drive, path: string | undefined, guest: string | undefined): Tree => [
  "disk",
  { type: "file", device: "cdrom" },
  ["driver", { name: "qemu", type: "raw" }],
  path !== undefined && ["source", { file: path }],
  ["target", { dev: drive, bus: cdBus(guest) }],
  ["readonly"],
];

export const nicTree = (nic: Nic): Tree => [
  "interface",
  { type: "network" in nic.source ? "network" : "bridge" },
  ["mac", { address: nic.mac }],
  ["source", "network" in nic.source ? { network: nic.source.network } : { bridge: nic.source.bridge }],
  ["model", { type: nic.model }],
  !nic.connected && ["link", { state: "down" }],
];

/** `a` to `z`, `aa` to `zz`, `aaa`: the kernel's way to count. */
const letters = (n: number): string =>
  `${n < 26 ? "" : letters(Math.floor(n / 26) - 1)}${String.fromCharCode(97 + (n % 26))}`;

/** The next device name of a bus that nobody has: `vdc`. The first two of `sd` belong to the CD drives. */
export function freeTarget(bus: Disk["bus"], taken: ReadonlySet<string>): string {
  const prefix = bus === "virtio" ? "vd" : "sd";
  for (let i = bus === "virtio" ? 0 : 2; ; i++) {
    const name = `${prefix}${letters(i)}`;
    if (!taken.has(name)) return name;
  }
}
