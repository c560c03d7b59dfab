import type { Buffer } from "node:buffer";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { ProviderError } from "../core/errors.js";

/** How the compressed clusters of a qcow2 image are packed. */
export type Packing = "zlib" | "zstd";

/**
 * The contents of a compressed cluster. What follows it in its last sector belongs to another cluster and is passed over.
 *
 * @throws ProviderError `unsupported` for zstd where this Node.js has none (before 22.15); any other error when the bytes
 *   are no such stream or give more than `length` bytes.
 */
export async function unpack(packing: Packing, bytes: Buffer, length: number): Promise<Buffer> {
  // All in one piece, and a little more so that the end is seen: a third less work than in the usual pieces of 16 KiB.
  const options = { maxOutputLength: length, chunkSize: length + 64 };
  if (packing === "zlib") return inflate(bytes, options);
  if (zstd === undefined) {
    throw new ProviderError("unsupported", "the image is compressed with zstd, which this Node.js cannot unpack", {
      where: { property: "source" },
      hint: "Use Node.js 22.15 or newer, or give the image with `qemu-img convert -O qcow2 -o compression_type=zlib`.",
    });
  }
  return zstd(bytes.subarray(0, zstdFrame(bytes)), options);
}

const inflate = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);
const zstd =
  typeof zlib.zstdDecompress === "function"
    ? promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress)
    : undefined;

/** Bytes of the frame at the start (RFC 8878, 3.1.1): Node.js takes whatever follows it for a further one. */
function zstdFrame(bytes: Buffer): number {
  const descriptor = bytes.readUInt8(4);
  const single = (descriptor & 0x20) !== 0;
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  let at = 5 + (single ? 0 : 1) + dictionary + contentSize;
  for (let last = false; !last; ) {
    const header = bytes.readUIntLE(at, 3);
    last = (header & 1) !== 0;
    const repeated = ((header >> 1) & 3) === 1;
    at += 3 + (repeated ? 1 : header >> 3);
  }
  return at + (descriptor & 4);
}
