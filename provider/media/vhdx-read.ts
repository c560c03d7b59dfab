import { Buffer } from "node:buffer";
import type { ProviderError } from "../core/errors.js";
import { damaged } from "./image-hyper.js";
import type { LocalFile } from "./source-file.js";
import {
  checksumOf,
  FIXED,
  guidBytes,
  guidText,
  HAS_PARENT,
  HEADER_BYTES,
  HEADERS,
  ITEMS,
  MiB,
  REGION_TABLES,
  REGIONS,
  TABLE_BYTES,
} from "./vhdx-format.js";

/** A stretch of the file, in bytes. */
export interface Region {
  readonly at: number;
  readonly length: number;
}

/** What a VHDX says of itself. UUIDs are text in lower case; sizes are bytes. */
export interface VhdxInfo {
  readonly virtualSize: number;
  readonly type: "fixed" | "dynamic" | "differencing";
  readonly blockSize: number;
  readonly logicalSector: number;
  readonly physicalSector: number;
  /** The identity of the disk, which its guest can see. */
  readonly id: string;
  /** Changes with the contents; a difference names that of its parent. */
  readonly contentId: string;
  /** Its log has to be replayed before the contents are right. */
  readonly dirty: boolean;
  readonly parent?: VhdxParent;
  readonly log: Region;
  readonly table: Region;
  readonly metadata: Region;
}

/** How a difference finds the file it lies over: by one of the paths, when its `contentId` is the one named. */
export interface VhdxParent {
  readonly contentId: string | undefined;
  readonly relative: string | undefined;
  readonly volume: string | undefined;
  readonly absolute: string | undefined;
}

const wrong = (what: string): ProviderError => damaged("VHDX", what);

/**
 * Reads headers, region tables and metadata of a VHDX with their checksums. Holds 3 MiB at most.
 *
 * @throws ProviderError `invalid` (property `source`) for a file that contradicts [MS-VHDX] or itself.
 */
export async function readVhdx(file: Pick<LocalFile, "read">): Promise<VhdxInfo> {
  const start = await bytesAt(file, { at: 0, length: MiB });
  if (start.toString("latin1", 0, 8) !== "vhdxfile") throw wrong("it does not start like one");
  const header = currentHeader(start);
  const regions = regionsOf(start);
  const metadata = regions.get(REGIONS.metadata);
  const table = regions.get(REGIONS.blocks);
  if (metadata === undefined || table === undefined) throw wrong("it has no metadata or no table of blocks");
  const items = itemsOf(await bytesAt(file, { at: metadata.at, length: Math.min(metadata.length, 2 * MiB) }));
  const item = (name: keyof typeof ITEMS, length: number): Buffer => {
    const bytes = items.get(ITEMS[name]);
    if (bytes === undefined || bytes.length < length) throw wrong("its metadata is incomplete");
    return bytes;
  };
  const flags = item("fileParameters", 8).readUInt32LE(4);
  const type = flags & HAS_PARENT ? "differencing" : flags & FIXED ? "fixed" : "dynamic";
  return {
    virtualSize: size(item("virtualDiskSize", 8), 0),
    type,
    blockSize: item("fileParameters", 8).readUInt32LE(0),
    logicalSector: item("logicalSector", 4).readUInt32LE(0),
    physicalSector: item("physicalSector", 4).readUInt32LE(0),
    id: guidText(item("virtualDiskId", 16)),
    ...header,
    ...(type === "differencing" && { parent: parentOf(item("parentLocator", 20)) }),
    table,
    metadata,
  };
}

/** The valid header with the greater number counts; the other one may have been cut off while it was written. */
function currentHeader(start: Buffer): Pick<VhdxInfo, "contentId" | "dirty" | "log"> {
  const valid = HEADERS.map((at) => start.subarray(at, at + HEADER_BYTES)).filter(
    (bytes) => bytes.toString("latin1", 0, 4) === "head" && bytes.readUInt32LE(4) === checksumOf(bytes),
  );
  const [header] = valid.sort((a, b) => (a.readBigUInt64LE(8) < b.readBigUInt64LE(8) ? 1 : -1));
  if (header === undefined) throw wrong("it has no valid header");
  if (header.readUInt16LE(66) !== 1) throw wrong("its version is unknown");
  return {
    contentId: guidText(header.subarray(32)),
    dirty: header.subarray(48, 64).some((byte) => byte !== 0),
    log: { at: size(header, 72), length: header.readUInt32LE(68) },
  };
}

/** The two tables are the same; one of them may be damaged. */
function regionsOf(start: Buffer): ReadonlyMap<string, Region> {
  const [table] = REGION_TABLES.map((at) => start.subarray(at, at + TABLE_BYTES)).filter(
    (bytes) => bytes.toString("latin1", 0, 4) === "regi" && bytes.readUInt32LE(4) === checksumOf(bytes),
  );
  if (table === undefined) throw wrong("it has no valid region table");
  const regions = new Map<string, Region>();
  for (const entry of entries(table, 16, table.readUInt32LE(8))) {
    const guid = guidText(entry);
    const required = (entry.readUInt32LE(28) & 1) !== 0;
    if (required && guid !== REGIONS.blocks && guid !== REGIONS.metadata)
      throw wrong("it needs a region that is unknown");
    regions.set(guid, { at: size(entry, 16), length: entry.readUInt32LE(24) });
  }
  return regions;
}

const MUST = 4;
const KNOWN = new Set<string>(Object.values(ITEMS));

function itemsOf(region: Buffer): ReadonlyMap<string, Buffer> {
  if (region.toString("latin1", 0, 8) !== "metadata") throw wrong("it has no metadata table");
  const items = new Map<string, Buffer>();
  for (const entry of entries(region, 32, region.readUInt16LE(10))) {
    const guid = guidText(entry);
    const must = (entry.readUInt32LE(24) & MUST) !== 0;
    if (must && !KNOWN.has(guid)) throw wrong("it needs metadata that is unknown");
    const at = entry.readUInt32LE(16);
    items.set(guid, region.subarray(at, at + entry.readUInt32LE(20)));
  }
  return items;
}

/** Tables of regions and of metadata have entries of 32 bytes that start with a GUID. */
function entries(table: Buffer, first: number, count: number): readonly Buffer[] {
  if (count > 2047 || first + count * 32 > table.length) throw wrong("a table has too many entries");
  return Array.from({ length: count }, (_, i) => table.subarray(first + i * 32, first + i * 32 + 32));
}

/** [MS-VHDX] 2.6.2.6: keys and values as UTF-16. */
function parentOf(locator: Buffer): VhdxParent {
  if (!locator.subarray(0, 16).equals(LOCATOR)) throw wrong("it names its parent in an unknown way");
  const count = locator.readUInt16LE(18);
  if (20 + count * 12 > locator.length) throw wrong("the name of its parent is incomplete");
  const pairs = new Map<string, string>();
  for (let at = 20; at < 20 + count * 12; at += 12) {
    const text = (from: number, length: number) => locator.toString("utf16le", from, from + length);
    pairs.set(
      text(locator.readUInt32LE(at), locator.readUInt16LE(at + 8)),
      text(locator.readUInt32LE(at + 4), locator.readUInt16LE(at + 10)),
    );
  }
  return {
    contentId: pairs.get("parent_linkage")?.replace(/[{}]/g, "").toLowerCase(),
    relative: pairs.get("relative_path"),
    volume: pairs.get("volume_path"),
    absolute: pairs.get("absolute_win32_path"),
  };
}

const LOCATOR = guidBytes("b04aefb7-d19e-4a81-b789-25b8e9445913");

function size(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw wrong("a number in it is out of range");
  return Number(value);
}

/** @throws ProviderError `invalid` when the file ends before. */
export async function bytesAt(file: Pick<LocalFile, "read">, { at, length }: Region): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  if ((await file.read(bytes, at)) < length) throw wrong("the file ends before what it names");
  return bytes;
}
