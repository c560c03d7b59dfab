import { dirname, resolve } from "node:path/posix";
import { attribute, attributeAt, parseXml, sizeAt, type Tree, textAt, write } from "./xml.js";

export interface VolumeDescription {
  readonly name: string;
  readonly path: string;
  /** A block device, not a file. */
  readonly block: boolean;
  /** As libvirt found it in the file: `qcow2`, `raw`, or another word of its own (`iso`, `vmdk`, …). */
  readonly format: string;
  /** Of qcow2 only: 2 (`compat` 0.10) or 3. */
  readonly version: 2 | 3 | undefined;
  /** Size as a guest sees it, in bytes. */
  readonly capacity: number;
  /** Bytes that it takes on the host. */
  readonly allocation: number;
  /** Length of the file, in bytes. */
  readonly physical: number;
  /** Path of the file under it, exactly as its header names it. */
  readonly base: string | undefined;
}

/**
 * The path of what lies under the volume at `path`: a header may name it from the file's own folder, and libvirt puts the
 * two together and leaves the dots in.
 */
export const baseAt = (path: string, { base }: Pick<VolumeDescription, "base">): string | undefined =>
  base && resolve(dirname(path), base);

export interface NewVolume {
  readonly name: string;
  readonly format: "qcow2" | "raw";
  /** Bytes; 0 lets a copy take the size of what it copies. */
  readonly capacity: number;
  readonly base?: { readonly path: string; readonly format: string } | undefined;
  /** Whether it becomes a block device. Default: a file. */
  readonly block?: boolean;
  /** Whether it takes the room of its whole capacity at once, as a block device always does. */
  readonly thick?: boolean;
}

/**
 * A volume to be made. Without an allocation libvirt fills the whole file (formatstorage.html), so it is 0 unless it is to
 * be thick: nothing is taken before it is written. Without `compat` libvirt makes version 2 of qcow2 (`compat=0.10`).
 *
 * Of a logical volume that is allocated less than its capacity libvirt makes an LVM snapshot of nothing, which breaks as
 * soon as its first extent is full (measured, 9.0.0): there the allocation is the capacity.
 *
 * Owner and mode are libvirt's own (root, 0600): its security driver gives the file and what lies under it to QEMU's user
 * when a machine starts (`dynamic_ownership`, the default of qemu.conf), and virt-aa-helper finds what lies under it in
 * the file's own header, for which it must be in the machine's definition by path.
 */
export function writeVolume({ name, format, capacity, base, block = false, thick = block }: NewVolume): string {
  const backing: Tree | undefined = base && [
    "backingStore",
    {},
    ["path", {}, base.path],
    ["format", { type: base.format }],
  ];
  return write([
    "volume",
    {},
    ["name", {}, name],
    ["capacity", { unit: "bytes" }, String(capacity)],
    ["allocation", { unit: "bytes" }, thick ? String(capacity) : "0"],
    !block && ["target", {}, ["format", { type: format }], format === "qcow2" && ["compat", {}, "1.1"]],
    backing,
  ]);
}

export function readVolume(xml: string): VolumeDescription {
  const root = parseXml(xml, "a volume");
  const allocation = sizeAt(root, "allocation", "bytes") ?? 0;
  const format = attributeAt(root, "target/format", "type") ?? "raw";
  // Of version 2 libvirt writes no `compat` (measured, 9.0.0).
  const version = (textAt(root, "target/compat") ?? "0.10") === "0.10" ? 2 : 3;
  return {
    name: textAt(root, "name") ?? "",
    path: textAt(root, "target/path") ?? textAt(root, "key") ?? "",
    block: attribute(root, "type") === "block",
    format,
    version: format === "qcow2" ? version : undefined,
    capacity: sizeAt(root, "capacity", "bytes") ?? 0,
    allocation,
    physical: sizeAt(root, "physical", "bytes") ?? allocation,
    base: textAt(root, "backingStore/path"),
  };
}

/** Words of libvirt for files whose bytes are the disk, whatever lies on it. */
const PLAIN: ReadonlySet<string> = new Set(["raw", "iso", "fat", "unknown", "none"]);

/** The format in the words of the kind; another one keeps libvirt's word. */
export const formatOf = ({ format }: Pick<VolumeDescription, "format">): string => (PLAIN.has(format) ? "raw" : format);
