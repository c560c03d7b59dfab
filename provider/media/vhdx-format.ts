import { Buffer } from "node:buffer";

/*
 * Facts of [MS-VHDX] that reader and writer share: places, signatures, identifiers. All numbers are little-endian, and
 * everything but the headers lies at whole MiB.
 */

export const MiB = 1024 * 1024;
export const HEADERS = [64 * 1024, 128 * 1024] as const;
export const HEADER_BYTES = 4096;
export const REGION_TABLES = [192 * 1024, 256 * 1024] as const;
export const TABLE_BYTES = 64 * 1024;
/** Bytes of the disk that one bitmap of sectors describes: 2^23 sectors. */
export const CHUNK_SECTORS = 2 ** 23;

/** What the block allocation table says of a block, in the lowest three bits of its entry. */
export const Block = { absent: 0, undefined: 1, zero: 2, unmapped: 3, present: 6, partly: 7 } as const;

/** A GUID as it lies in a file: its first three fields are little-endian. */
export function guidBytes(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll("-", ""), "hex");
  bytes.subarray(0, 4).swap32();
  bytes.subarray(4, 8).swap16();
  return bytes;
}

/** A GUID that lies in a file, as text in lower case. */
export function guidText(bytes: Buffer): string {
  const swapped = Buffer.from(bytes.subarray(0, 16));
  swapped.subarray(0, 4).swap32();
  swapped.subarray(4, 8).swap16();
  return swapped.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

export const REGIONS = {
  blocks: "2dc27766-f623-4200-9d64-115e9bfd4a08",
  metadata: "8b7ca206-4790-4b9a-b8fe-575f050f886e",
} as const;

export const ITEMS = {
  fileParameters: "caa16737-fa36-4d43-b3b6-33f0aa44e76b",
  virtualDiskSize: "2fa54224-cd1b-4876-b211-5dbed83bf4b8",
  virtualDiskId: "beca12ab-b2e6-4523-93ef-c309e000c746",
  logicalSector: "8141bf1d-a96f-4709-ba47-f233a8faab5f",
  physicalSector: "cda348c7-445d-4471-9cc9-e9885251c556",
  parentLocator: "a8d35f2d-b30b-454d-abf7-d3d84834ab0c",
} as const;

/** Flags of the file parameters. */
export const FIXED = 1;
export const HAS_PARENT = 2;

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** CRC-32C (Castagnoli, RFC 3720 B.4) of a structure whose own checksum, bytes 4 to 7, counts as zeros. */
export function checksumOf(structure: Uint8Array): number {
  let crc = 0xffffffff;
  for (let at = 0; at < structure.length; at++) {
    const byte = at >= 4 && at < 8 ? 0 : (structure[at] ?? 0);
    crc = (CRC[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
