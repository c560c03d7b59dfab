import { Buffer } from "node:buffer";
import { ProviderError } from "../core/errors.js";
import { chunks, type Disk, rawDisk } from "./disk.js";
import { IMAGE_HEAD, type Image, inspectImage } from "./image.js";
import { qcow2Disk } from "./qcow2.js";
import { checksum, missing, placeOf, type SourceOptions } from "./source.js";
import { ahead, type Chunk, checkedChunks, LONGEST_HOLE } from "./source-chunks.js";
import { cancelled, type LocalFile, openLocal, pieces } from "./source-file.js";
import { spooled } from "./spool.js";
import { MiB } from "./vhdx-format.js";
import { type VhdxLayout, vhdxHead, vhdxLayout, vhdxTable } from "./vhdx-layout.js";
import { grown, vhdxFault } from "./vhdx-source.js";
import { verifyVhdx } from "./vhdx-verify.js";

export interface VhdxOptions extends SourceOptions {
  /** The identity that the disk gets, a UUID. The same source, options and identity give the same bytes. */
  readonly id: string;
  /** Bytes of the disk: a multiple of 512, 3 MiB to 64 TiB. Default: those of the source, rounded up to whole MiB. */
  readonly size?: number | undefined;
  /** Bytes of a block: 1 MiB to 256 MiB, a power of two. Microsoft advises 1 MiB for Linux. Default: 32 MiB, as New-VHD. */
  readonly blockSize?: number | undefined;
  /** A fixed disk has all its bytes in the file. Default: `dynamic`. */
  readonly type?: "dynamic" | "fixed" | undefined;
}

/** A VHDX that is ready to be sent. Call `close` in any case. */
export interface Vhdx {
  /** Exact bytes of the file, holes included: always whole MiB for what was converted. */
  readonly length: number;
  /** Bytes of the disk as its guest sees it. */
  readonly virtualSize: number;
  /** False for a source that is a VHDX: it is sent as it is, with its own identity, block size and size. */
  readonly converted: boolean;
  /**
   * The file from its start, once, as `Source.chunks` gives it. It throws instead of ending when the source was changed
   * meanwhile or the signal is set: complete an upload only after it has ended.
   */
  chunks(): AsyncIterable<Chunk>;
  close(): Promise<void>;
}

/**
 * Makes a VHDX of a source, without the blocks that are zeros: raw and qcow2 images are converted, a VHDX is checked and
 * left as it is.
 *
 * The length and the table of blocks are known before the first byte. For this a raw image is read twice, of a qcow2 only
 * its tables; what comes by HTTP is kept in a temporary file meanwhile (`spool.ts`). About 12 MiB are held, a bit for
 * each block (8 MiB for 64 TiB in blocks of 1 MiB), and a qcow2's tables (`qcow2-map.ts`).
 *
 * @throws ProviderError as `openSource`; `invalid` for a source that cannot become a VHDX (property `source`), or a size
 *   or block size out of range (properties `size`, `blockSize`).
 */
export async function toVhdx(source: string, options: VhdxOptions): Promise<Vhdx> {
  const sha256 = checksum(options.sha256);
  const { signal } = options;
  const place = placeOf(source);
  const file =
    typeof place === "string"
      ? await openLocal(place)
      : // Nobody shall wait for a long download of what will be refused.
        await spooled(source, options, ({ head, length }) => refuse(inspectImage(head), length, options.size));
  if (file === undefined) throw missing(place);
  // What was spooled has been compared already.
  const expected = typeof place === "string" ? { sha256, unchanged: file.unchanged } : { unchanged: file.unchanged };
  const checked = { ...expected, length: file.length };
  try {
    const head = Buffer.alloc(Math.min(IMAGE_HEAD, file.length));
    await file.read(head, 0);
    const { format } = await accepted(file, head, options.size);
    // The other formats are read from start to end only to compare the checksum; of raw images the zeros are found so.
    if (format !== "raw" && expected.sha256 !== undefined)
      for await (const _ of checkedChunks(pieces(file, signal), checked));
    if (format === "vhdx") return await asItIs(file, options);
    const disk = format === "raw" ? rawDisk(file, checked, signal) : await qcow2Disk(file, head, signal);
    return await converted(file, disk, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function asItIs(file: LocalFile, { size, signal }: VhdxOptions): Promise<Vhdx> {
  const info = await verifyVhdx(file);
  const { length, unchanged } = file;
  // Again, since only now it is known which of the headers counts.
  refuse({ format: "vhdx", ...info }, length, size);
  const { virtualSize } = info;
  const stream = () => checkedChunks(ahead(pieces(file, signal)), { length, unchanged });
  return { length, virtualSize, converted: false, chunks: once(stream), close: () => file.close() };
}

async function converted(file: LocalFile, disk: Disk, options: VhdxOptions): Promise<Vhdx> {
  const { blockSize = 32 * MiB, type = "dynamic", id, signal } = options;
  const layout = vhdxLayout({ virtualSize: options.size ?? grown(disk.size), blockSize, type });
  const present = new Uint8Array(Math.ceil(layout.blocks / 8)).fill(type === "fixed" ? 255 : 0);
  const has = (block: number): boolean => (((present[block >> 3] ?? 0) >> (block & 7)) & 1) !== 0;
  // A fixed disk has all blocks; its source is read here all the same, since its checksum may be compared by that.
  for await (const { offset, length } of disk.parts()) {
    const last = Math.floor((offset + length - 1) / blockSize);
    for (let block = Math.floor(offset / blockSize); block <= last; block++) {
      present[block >> 3] = (present[block >> 3] ?? 0) | (1 << (block & 7));
    }
  }
  let count = 0;
  for (let block = 0; block < layout.blocks; block++) if (has(block)) count++;
  const length = layout.firstBlock + count * blockSize;
  const stream = async function* (): AsyncGenerator<Chunk> {
    let total = 0;
    for await (const chunk of joined(ahead(written(layout, { id, has, disk })))) {
      if (signal?.aborted) throw cancelled(signal);
      total += chunk instanceof Uint8Array ? chunk.length : chunk.hole;
      yield chunk;
    }
    await file.unchanged();
    if (total !== length) throw new ProviderError("bug", `${total} of ${length} bytes of a VHDX were made`);
  };
  return { length, virtualSize: layout.virtualSize, converted: true, chunks: once(stream), close: () => file.close() };
}

async function* written(
  layout: VhdxLayout,
  { id, has, disk }: { readonly id: string; readonly has: (block: number) => boolean; readonly disk: Disk },
): AsyncGenerator<Chunk> {
  const { blocks, blockSize } = layout;
  const head = vhdxHead(layout, id);
  for (let at = 0; at < head.length; at += MiB) yield* chunks(head.subarray(at, at + MiB));
  for (const piece of vhdxTable(layout, has)) yield* chunks(piece);
  for (let block = 0; block < blocks; block++) {
    if (!has(block)) continue;
    const start = block * blockSize;
    // Behind the end of the source, and of the disk in its last block, are zeros.
    const end = Math.min(start + blockSize, disk.size);
    if (start < end) yield* disk.read(start, end);
    if (end < start + blockSize) yield { hole: start + blockSize - Math.max(start, end) };
  }
}

/** Neighbouring holes as one. */
async function* joined(source: AsyncIterable<Chunk>): AsyncGenerator<Chunk> {
  let hole = 0;
  for await (const chunk of source) {
    if (!(chunk instanceof Uint8Array)) {
      for (hole += chunk.hole; hole >= LONGEST_HOLE; hole -= LONGEST_HOLE) yield { hole: LONGEST_HOLE };
      continue;
    }
    if (hole > 0) yield { hole };
    hole = 0;
    yield chunk;
  }
  if (hole > 0) yield { hole };
}

function once(stream: () => AsyncIterable<Chunk>): () => AsyncIterable<Chunk> {
  let taken = false;
  return () => {
    if (taken) throw new ProviderError("bug", "a source was read twice");
    taken = true;
    return stream();
  };
}

async function accepted(file: LocalFile, head: Buffer, size: number | undefined): Promise<Image> {
  const tail = Buffer.alloc(Math.min(512, file.length));
  await file.read(tail, file.length - tail.length);
  let image = inspectImage(head, tail);
  for (let needs = image.needs; needs !== undefined; needs = image.needs) {
    const bytes = Buffer.alloc(needs);
    if ((await file.read(bytes, 0)) < needs) break; // it was cut off: `verifyVhdx` says so
    image = inspectImage(bytes);
  }
  refuse(image, file.length, size);
  return image;
}

function refuse(...given: Parameters<typeof vhdxFault>): void {
  const fault = vhdxFault(...given);
  if (fault === undefined) return;
  throw new ProviderError("invalid", fault.fact, { where: { property: fault.property }, hint: fault.hint });
}
