import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { ProviderError } from "../core/errors.js";
import {
  Block,
  CHUNK_SECTORS,
  checksumOf,
  FIXED,
  guidBytes,
  HEADER_BYTES,
  HEADERS,
  ITEMS,
  MiB,
  REGION_TABLES,
  REGIONS,
  TABLE_BYTES,
} from "./vhdx-format.js";

export const LOGICAL_SECTOR = 512;
/** As New-VHD writes it: disks have sectors of 4 KiB inside. */
const PHYSICAL_SECTOR = 4096;
/** The most that the format and Hyper-V allow. */
export const LARGEST = 64 * 1024 * 1024 * MiB;

const LOG_AT = MiB;
const METADATA_AT = 2 * MiB;
const BLOCKS_AT = 3 * MiB;

export interface VhdxShape {
  /** Bytes of the disk as its guest sees it, a multiple of 512. */
  readonly virtualSize: number;
  /** Bytes: 1 MiB to 256 MiB, a power of two. */
  readonly blockSize: number;
  /** A fixed disk has all its blocks in the file, in order. */
  readonly type: "dynamic" | "fixed";
}

/** Where everything lies in a VHDX that is written from its start to its end. */
export interface VhdxLayout extends VhdxShape {
  readonly blocks: number;
  /** Blocks that one bitmap of sectors describes: after so many entries the table has one for such a bitmap. */
  readonly ratio: number;
  readonly entries: number;
  /** Bytes of the block allocation table, in whole MiB. */
  readonly tableBytes: number;
  /** Where the first block lies that is in the file. */
  readonly firstBlock: number;
}

/** @throws ProviderError `invalid` for a block size that the format does not have (property `blockSize`). */
export function vhdxLayout(shape: VhdxShape): VhdxLayout {
  const { virtualSize, blockSize } = shape;
  if (blockSize < MiB || blockSize > 256 * MiB || !Number.isInteger(Math.log2(blockSize))) {
    throw new ProviderError("invalid", `a VHDX has no blocks of ${blockSize} bytes`, {
      where: { property: "blockSize" },
      hint: "Use a power of two between 1 MiB and 256 MiB.",
    });
  }
  const blocks = Math.ceil(virtualSize / blockSize);
  const ratio = (CHUNK_SECTORS * LOGICAL_SECTOR) / blockSize;
  const entries = blocks + Math.floor((blocks - 1) / ratio);
  const tableBytes = Math.ceil((entries * 8) / MiB) * MiB;
  return { ...shape, blocks, ratio, entries, tableBytes, firstBlock: BLOCKS_AT + tableBytes };
}

/**
 * All that lies before the block allocation table, 3 MiB: identifier, headers, region tables, an empty log, metadata.
 * The same layout and identity give the same bytes.
 *
 * @param id the identity of the disk, a UUID; the identities of the file are derived from it.
 */
export function vhdxHead(layout: VhdxLayout, id: string): Buffer {
  const bytes = Buffer.alloc(BLOCKS_AT);
  bytes.write("vhdxfile", "latin1");
  bytes.write("crossvisor", 8, "utf16le");
  HEADERS.forEach((at, sequence) => {
    header(bytes.subarray(at, at + HEADER_BYTES), sequence, id);
  });
  for (const at of REGION_TABLES) regionTable(bytes.subarray(at, at + TABLE_BYTES), layout);
  metadata(bytes.subarray(METADATA_AT), layout, id);
  return bytes;
}

/** [MS-VHDX] 2.2.2. The log's GUID stays zero: nothing has to be replayed. */
function header(bytes: Buffer, sequence: number, id: string): void {
  bytes.write("head", "latin1");
  bytes.writeBigUInt64LE(BigInt(sequence), 8);
  bytes.set(guidBytes(derived(id, "file")), 16);
  bytes.set(guidBytes(derived(id, "data")), 32);
  bytes.writeUInt16LE(1, 66);
  bytes.writeUInt32LE(MiB, 68);
  bytes.writeBigUInt64LE(BigInt(LOG_AT), 72);
  bytes.writeUInt32LE(checksumOf(bytes), 4);
}

/** A UUID of its own for each use, version 8 of RFC 9562. */
function derived(id: string, use: string): string {
  const hash = createHash("sha256").update(`crossvisor vhdx ${use} ${id.toLowerCase()}`).digest("hex");
  return `${hash.slice(0, 12)}8${hash.slice(13, 16)}8${hash.slice(17, 32)}`;
}

/** [MS-VHDX] 2.2.3. */
function regionTable(bytes: Buffer, { tableBytes }: VhdxLayout): void {
  bytes.write("regi", "latin1");
  bytes.writeUInt32LE(2, 8);
  const regions = [
    [REGIONS.blocks, BLOCKS_AT, tableBytes],
    [REGIONS.metadata, METADATA_AT, MiB],
  ] as const;
  for (const [index, [guid, at, length]] of regions.entries()) {
    const entry = 16 + index * 32;
    bytes.set(guidBytes(guid), entry);
    bytes.writeBigUInt64LE(BigInt(at), entry + 16);
    bytes.writeUInt32LE(length, entry + 24);
    bytes.writeUInt32LE(REQUIRED, entry + 28);
  }
  bytes.writeUInt32LE(checksumOf(bytes), 4);
}

const REQUIRED = 1;
/** Flags of metadata items: about the disk, not the file; must be understood. */
const OF_DISK = 2;
const MUST = 4;

/** [MS-VHDX] 2.6. The items begin 64 KiB behind the table. */
function metadata(bytes: Buffer, { virtualSize, blockSize, type }: VhdxLayout, id: string): void {
  const numbers = (...values: readonly number[]): Buffer => {
    const item = Buffer.alloc(values.length * 4);
    for (const [index, value] of values.entries()) item.writeUInt32LE(value, index * 4);
    return item;
  };
  const items = [
    [ITEMS.fileParameters, MUST, numbers(blockSize, type === "fixed" ? FIXED : 0)],
    [ITEMS.virtualDiskSize, MUST | OF_DISK, numbers(virtualSize % 2 ** 32, Math.floor(virtualSize / 2 ** 32))],
    [ITEMS.virtualDiskId, MUST | OF_DISK, guidBytes(id)],
    [ITEMS.logicalSector, MUST | OF_DISK, numbers(LOGICAL_SECTOR)],
    [ITEMS.physicalSector, MUST | OF_DISK, numbers(PHYSICAL_SECTOR)],
  ] as const;
  bytes.write("metadata", "latin1");
  bytes.writeUInt16LE(items.length, 10);
  let at = TABLE_BYTES;
  for (const [index, [guid, flags, value]] of items.entries()) {
    const entry = 32 + index * 32;
    bytes.set(guidBytes(guid), entry);
    bytes.writeUInt32LE(at, entry + 16);
    bytes.writeUInt32LE(value.length, entry + 20);
    bytes.writeUInt32LE(flags, entry + 24);
    bytes.set(value, at);
    at += value.length;
  }
}

/**
 * The block allocation table, in pieces of 1 MiB of new memory each.
 *
 * A block that is not in the file is told to be zeros; "not present" would leave its contents undefined ([MS-VHDX] 2.5.1.1).
 */
export function* vhdxTable(layout: VhdxLayout, present: (block: number) => boolean): Generator<Buffer> {
  const { entries, ratio, blockSize, tableBytes, firstBlock } = layout;
  let place = firstBlock;
  for (let start = 0; start < tableBytes; start += MiB) {
    const bytes = Buffer.alloc(MiB);
    const first = start / 8;
    for (let entry = first; entry < Math.min(entries, first + MiB / 8); entry++) {
      if (entry % (ratio + 1) === ratio) continue; // a bitmap of sectors, which only a difference has
      const here = present(entry - Math.floor(entry / (ratio + 1)));
      bytes.writeUInt32LE(here ? (place % 2 ** 32) + Block.present : Block.zero, entry * 8 - start);
      if (!here) continue;
      bytes.writeUInt32LE(Math.floor(place / 2 ** 32), entry * 8 - start + 4);
      place += blockSize;
    }
    yield bytes;
  }
}
