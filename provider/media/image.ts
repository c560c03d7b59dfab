import { Buffer } from "node:buffer";
import type { ProviderError } from "../core/errors.js";
import { damaged, vhd, vhdx } from "./image-hyper.js";

export type ImageFormat = "raw" | "qcow2" | "qcow" | "vhd" | "vhdx" | "vmdk" | "vdi" | "iso" | Compression;
export type Compression = "gzip" | "xz" | "zstd" | "bzip2" | "zip";

/** What the first bytes of a disk image say about it. */
export interface Image {
  /** `raw` is what has no known header. A fixed VHD is `raw` too unless its last 512 bytes are given. */
  readonly format: ImageFormat;
  /** Version of the format, for qcow2: 2 or 3. */
  readonly version?: number;
  /** Bytes of the disk as a guest sees it; absent where the format does not say it in the bytes given. */
  readonly virtualSize?: number;
  /** VHD and VHDX only. */
  readonly type?: "fixed" | "dynamic" | "differencing";
  /** The file that holds the rest of the disk, exactly as the header names it. */
  readonly backingFile?: string;
  /** qcow2: the guest's data lies in another file. */
  readonly externalData?: boolean;
  readonly encrypted?: boolean;
  /** qcow2: how many snapshots it holds. */
  readonly snapshots?: number;
  /** qcow2: not closed properly, reference counts may be behind. VHDX: its log is not empty. */
  readonly dirty?: boolean;
  /** qcow2: marked as damaged. */
  readonly corrupt?: boolean;
  /** More can be said when so many first bytes are given, at most 8 MiB. */
  readonly needs?: number;
}

/** First bytes that recognise every format, and describe all but VHDX. */
export const IMAGE_HEAD = 64 * 1024;

/**
 * Reads an image's header; never opens a file that the header names.
 *
 * A header is a stranger's word: an image that names `/etc/passwd` as its backing file shows the host's secrets to the
 * guest when a hypervisor opens it. `imageProblem` tells what to refuse.
 *
 * @param head the first bytes: `IMAGE_HEAD`, or the whole file where it is shorter.
 * @param tail the last 512 bytes, where they can be had: only these tell a fixed VHD from a raw image.
 * @throws ProviderError `invalid` for a header that contradicts itself (property `source`).
 */
export function inspectImage(head: Uint8Array, tail?: Uint8Array): Image {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  for (const [format, offset, magic] of MAGIC) {
    if (!bytes.subarray(offset, offset + magic.length).equals(magic)) continue;
    if (format === "qcow2") return qcow(bytes);
    if (format === "vhdx") return vhdx(bytes);
    if (format === "vhd") return vhd(bytes);
    if (format === "vmdk" && magic.length === 4 && bytes.length >= 20) {
      return { format, ...size(bytes.readBigUInt64LE(12) * 512n) };
    }
    return { format };
  }
  if (tail !== undefined && tail.length >= 512) {
    const footer = Buffer.from(tail.buffer, tail.byteOffset + tail.byteLength - 512, 512);
    if (footer.toString("latin1", 0, 8) === "conectix") return vhd(footer);
  }
  return { format: "raw" };
}

/**
 * Why an image cannot become a volume as it is, or `undefined`: the fact and the remedy.
 *
 * A dirty image is not refused: qcow2 repairs its reference counts when it is opened.
 */
export function imageProblem(image: Image): { readonly fact: string; readonly hint: string } | undefined {
  const unpack = UNPACK[image.format];
  if (unpack !== undefined) {
    return {
      fact: `the image is compressed (${image.format})`,
      hint: `Decompress it first, for example with \`${unpack}\`, and give the result.`,
    };
  }
  if (image.backingFile !== undefined || image.type === "differencing") {
    return {
      fact: "the image is only the difference to another file that it names",
      hint: "Merge it first, for example with `qemu-img convert`, or name the other image by `base`.",
    };
  }
  if (image.externalData) {
    return { fact: "the image keeps its data in another file", hint: "Merge it first, with `qemu-img convert`." };
  }
  if (image.corrupt) {
    return { fact: "the image is marked as damaged", hint: "Get it again, or repair it with `qemu-img check -r all`." };
  }
  if (image.encrypted) {
    return { fact: "the image is encrypted", hint: "Decrypt it first, with `qemu-img convert`." };
  }
  return undefined;
}

const UNPACK: Readonly<Partial<Record<ImageFormat, string>>> = {
  gzip: "gunzip",
  xz: "unxz",
  zstd: "unzstd",
  bzip2: "bunzip2",
  zip: "unzip",
};

/** Where each format says its name. */
const MAGIC: readonly (readonly [ImageFormat, number, Buffer])[] = [
  ["qcow2", 0, Buffer.from("QFI\xfb", "latin1")],
  ["vhdx", 0, Buffer.from("vhdxfile")],
  ["vhd", 0, Buffer.from("conectix")],
  ["vmdk", 0, Buffer.from("KDMV")],
  ["vmdk", 0, Buffer.from("# Disk DescriptorFile")],
  ["vdi", 64, Buffer.from([0x7f, 0x10, 0xda, 0xbe])],
  ["gzip", 0, Buffer.from([0x1f, 0x8b, 8])],
  ["xz", 0, Buffer.from("\xfd7zXZ\0", "latin1")],
  ["zstd", 0, Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ["bzip2", 0, Buffer.from("BZh")],
  ["zip", 0, Buffer.from("PK\x03\x04", "latin1")],
  ["iso", 32769, Buffer.from("CD001")],
];

const DIRTY = 1n;
const CORRUPT = 2n;
const EXTERNAL_DATA = 4n;

/** QEMU's docs/interop/qcow2.txt. */
function qcow(bytes: Buffer): Image {
  const wrong = (what: string): ProviderError => damaged("qcow2", what);
  if (bytes.length < 72) throw wrong("it ends within its header");
  const version = bytes.readUInt32BE(4);
  const backing = backingName(bytes, wrong);
  if (version === 1) return { format: "qcow", version, ...size(bytes.readBigUInt64BE(24)), ...backing };
  if (version !== 2 && version !== 3) throw wrong(`version ${version} is unknown`);
  const clusterBits = bytes.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) throw wrong("its cluster size is out of range");
  const virtualSize = bytes.readBigUInt64BE(24);
  if (virtualSize > BigInt(Number.MAX_SAFE_INTEGER)) throw wrong("its virtual size is out of range");
  if (version === 3 && bytes.length < 104) throw wrong("it ends within its header");
  const features = version === 3 ? bytes.readBigUInt64BE(72) : 0n;
  return {
    format: "qcow2",
    version,
    virtualSize: Number(virtualSize),
    ...backing,
    externalData: (features & EXTERNAL_DATA) !== 0n,
    encrypted: bytes.readUInt32BE(32) !== 0,
    snapshots: bytes.readUInt32BE(60),
    dirty: (features & DIRTY) !== 0n,
    corrupt: (features & CORRUPT) !== 0n,
  };
}

function backingName(bytes: Buffer, wrong: (what: string) => ProviderError): { backingFile?: string } {
  const offset = bytes.readBigUInt64BE(8);
  const length = bytes.readUInt32BE(16);
  if (offset === 0n) return {};
  if (length > 1023) throw wrong("the name of its backing file is too long");
  // Never "no backing file" because the name lies where this reader does not look.
  if (offset + BigInt(length) > BigInt(bytes.length))
    throw wrong("the name of its backing file lies beyond its header");
  return { backingFile: bytes.toString("utf8", Number(offset), Number(offset) + length) };
}

const size = (bytes: bigint): { virtualSize?: number } =>
  bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? { virtualSize: Number(bytes) } : {};
