import type { Buffer } from "node:buffer";
import { ProviderError } from "../core/errors.js";
import type { Image } from "./image.js";

/** A header that cannot be true. Shared by the readers of the formats. */
export const damaged = (format: string, what: string): ProviderError =>
  new ProviderError("invalid", `the ${format} header is not valid: ${what}`, {
    where: { property: "source" },
    hint: "Get the image again, and compare its checksum.",
  });

const VHD_TYPES: Readonly<Record<number, "fixed" | "dynamic" | "differencing">> = {
  2: "fixed",
  3: "dynamic",
  4: "differencing",
};

/** Virtual Hard Disk Image Format Specification 1.0, the footer; a dynamic one has a copy of it at its start. */
export function vhd(footer: Buffer): Image {
  if (footer.length < 512) throw damaged("VHD", "it ends within its footer");
  const type = VHD_TYPES[footer.readUInt32BE(60)];
  if (type === undefined) throw damaged("VHD", "its disk type is unknown");
  const virtualSize = footer.readBigUInt64BE(48);
  if (virtualSize > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged("VHD", "its virtual size is out of range");
  return { format: "vhd", type, virtualSize: Number(virtualSize) };
}

const HEADERS = [64 * 1024, 128 * 1024];
const REGION_TABLE = 192 * 1024;
const TABLE_BYTES = 64 * 1024;
const LIMIT = 8 * 1024 * 1024;
const METADATA_REGION = "06a27c8b90479a4bb8fe575f050f886e";
const FILE_PARAMETERS = "3767a1ca36fa434db3b633f0aa44e76b";
const VIRTUAL_DISK_SIZE = "2442a52f1bcd7648b2115dbed83bf4b8";
const HAS_PARENT = 2;
const FIXED = 1;

/** [MS-VHDX] 2.2 and 2.6. The metadata region lies at 2 MiB (Windows) or 3 MiB (QEMU), so two steps may be needed. */
export function vhdx(bytes: Buffer): Image {
  if (bytes.length < REGION_TABLE + TABLE_BYTES) return { format: "vhdx", needs: REGION_TABLE + TABLE_BYTES };
  if (bytes.toString("latin1", REGION_TABLE, REGION_TABLE + 4) !== "regi")
    throw damaged("VHDX", "it has no region table");
  const region = entries(bytes, REGION_TABLE + 16, bytes.readUInt32LE(REGION_TABLE + 8)).get(METADATA_REGION);
  if (region === undefined) throw damaged("VHDX", "it has no metadata region");
  const start = Number(bytes.readBigUInt64LE(region));
  const dirty = hasLog(bytes);
  // A header must not make the caller fetch without bound; real ones stay far below.
  const needs = start + 2 * TABLE_BYTES;
  if (needs > LIMIT) throw damaged("VHDX", "its metadata lies too far behind");
  if (bytes.length < needs) return { format: "vhdx", dirty, needs };

  if (bytes.toString("latin1", start, start + 8) !== "metadata") throw damaged("VHDX", "it has no metadata table");
  const items = entries(bytes, start + 32, bytes.readUInt16LE(start + 10));
  const item = (id: string): number => {
    const entry = items.get(id);
    const place = start + (entry === undefined ? LIMIT : bytes.readUInt32LE(entry));
    if (place + 8 > bytes.length) throw damaged("VHDX", "its metadata is incomplete");
    return place;
  };
  const flags = bytes.readUInt32LE(item(FILE_PARAMETERS) + 4);
  const virtualSize = bytes.readBigUInt64LE(item(VIRTUAL_DISK_SIZE));
  if (virtualSize > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged("VHDX", "its virtual size is out of range");
  const type = flags & HAS_PARENT ? "differencing" : flags & FIXED ? "fixed" : "dynamic";
  return { format: "vhdx", type, virtualSize: Number(virtualSize), dirty };
}

/** Both tables hold entries of 32 bytes that start with a GUID; the answer is where the rest of each entry starts. */
function entries(bytes: Buffer, first: number, count: number): ReadonlyMap<string, number> {
  if (count > 2047) throw damaged("VHDX", "a table has too many entries");
  const found = new Map<string, number>();
  for (let at = first; at < first + count * 32; at += 32) found.set(bytes.toString("hex", at, at + 16), at + 16);
  return found;
}

/** The header with the greater sequence number counts; its log is empty when the log's GUID is zero. */
function hasLog(bytes: Buffer): boolean {
  const valid = HEADERS.filter((at) => bytes.toString("latin1", at, at + 4) === "head");
  const [current] = valid.sort((a, b) => (bytes.readBigUInt64LE(a + 8) < bytes.readBigUInt64LE(b + 8) ? 1 : -1));
  if (current === undefined) throw damaged("VHDX", "it has no valid header");
  return bytes.subarray(current + 48, current + 64).some((byte) => byte !== 0);
}
