import { Buffer } from "node:buffer";
import { ProviderError } from "../core/errors.js";
import { showBytes } from "../core/units.js";
import { chunks, type Disk, rawDisk } from "./disk.js";
import { IMAGE_HEAD, type Image, type ImageFormat, imageProblem, inspectImage } from "./image.js";
import { qcow2Disk } from "./qcow2.js";
import { checksum, missing, placeOf, type SourceOptions } from "./source.js";
import { ahead, type Chunk, checkedChunks, LONGEST_HOLE } from "./source-chunks.js";
import { cancelled, type LocalFile, openLocal, pieces } from "./source-file.js";
import { spooled } from "./spool.js";
import { MiB } from "./vhdx-format.js";
import { LARGEST, LOGICAL_SECTOR, type VhdxLayout, vhdxHead, vhdxLayout, vhdxTable } from "./vhdx-layout.js";
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

/** The smallest disk that New-VHD makes. */
const SMALLEST = 3 * MiB;

/**
 * Makes a VHDX of a source, without the blocks that are zeros: raw and qcow2 images are converted, a VHDX is checked and
 * left as it is.
 *
 * The length and the table of blocks are known before the first byte. For this a raw image is read twice, of a qcow2 only
 * its tables; what comes by HTTP is kept in a temporary file meanwhile (`spool.ts`). Held are 10 MiB, a bit for each
 * block (8 MiB for 64 TiB in blocks of 1 MiB), and a qcow2's tables (`qcow2-map.ts`).
 *
 * @throws ProviderError as `openSource`; `invalid` for a source that cannot become a VHDX (property `source`), or a size
 *   or block size out of range (properties `size`, `blockSize`).
 */
export async function toVhdx(source: string, options: VhdxOptions): Promise<Vhdx> {
  const sha256 = checksum(options.sha256);
  const { signal } = options;
  const place = placeOf(source);
  const file = typeof place === "string" ? await openLocal(place) : await spooled(source, options);
  if (file === undefined) throw missing(place);
  // What was spooled has been compared already.
  const expected = typeof place === "string" ? { sha256, unchanged: file.unchanged } : { unchanged: file.unchanged };
  const checked = { ...expected, length: file.length };
  try {
    const head = Buffer.alloc(Math.min(IMAGE_HEAD, file.length));
    await file.read(head, 0);
    const { format } = await accepted(file, head);
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
  const { virtualSize, dirty } = await verifyVhdx(file);
  if (dirty) {
    throw refused({
      fact: "the VHDX was not closed properly: its log has to be replayed",
      hint: "Shut its machine down, or let its host replay the log with Mount-VHD and Dismount-VHD, and copy it again.",
    });
  }
  if (size !== undefined && size < virtualSize) throw tooSmall(size, virtualSize);
  const { length, unchanged } = file;
  const stream = () => checkedChunks(ahead(pieces(file, signal)), { length, unchanged });
  return { length, virtualSize, converted: false, chunks: once(stream), close: () => file.close() };
}

async function converted(file: LocalFile, disk: Disk, options: VhdxOptions): Promise<Vhdx> {
  const { blockSize = 32 * MiB, type = "dynamic", id, signal } = options;
  const layout = vhdxLayout({ virtualSize: sizeOf(disk.size, options.size), blockSize, type });
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

function sizeOf(source: number, size: number | undefined): number {
  if (size === undefined) {
    if (source <= LARGEST) return Math.max(SMALLEST, Math.ceil(source / MiB) * MiB);
    throw refused({ fact: "the source is larger than a VHDX can be (64 TiB)", hint: "Split it into several disks." });
  }
  if (size < source) throw tooSmall(size, source);
  if (size % LOGICAL_SECTOR === 0 && size >= SMALLEST && size <= LARGEST) return size;
  throw new ProviderError("invalid", `a VHDX cannot have ${showBytes(size)}`, {
    where: { property: "size" },
    hint: "Use a multiple of 512 between 3 MiB and 64 TiB.",
  });
}

const tooSmall = (size: number, source: number): ProviderError =>
  new ProviderError("invalid", `${showBytes(size)} is smaller than the source, which has ${showBytes(source)}`, {
    where: { property: "size" },
    hint: `Set size to at least ${showBytes(source)}.`,
  });

interface Problem {
  readonly fact: string;
  readonly hint: string;
}

const refused = ({ fact, hint }: Problem): ProviderError =>
  new ProviderError("invalid", fact, { where: { property: "source" }, hint });

/** What cannot be read here, with the remedy. */
const FOREIGN: Readonly<Partial<Record<ImageFormat, Problem>>> = {
  vhd: {
    fact: "the image is a VHD, the format before VHDX",
    hint: "Convert it first, with `Convert-VHD` on Windows or `qemu-img convert -f vpc -O vhdx`.",
  },
  vmdk: { fact: "the image is a VMDK", hint: "Convert it first, with `qemu-img convert -O vhdx`." },
  vdi: { fact: "the image is a VDI", hint: "Convert it first, with `qemu-img convert -O vhdx`." },
  qcow: { fact: "the image is a qcow of version 1", hint: "Convert it first, with `qemu-img convert -O qcow2`." },
  iso: {
    fact: "the image is that of a CD (ISO 9660), not of a disk",
    hint: "Give it to a CD drive, or give a disk image.",
  },
};

async function accepted(file: LocalFile, head: Buffer): Promise<Image> {
  if (file.length === 0)
    throw refused({ fact: "the source is empty", hint: "Give an image; for an empty disk give only size." });
  const tail = Buffer.alloc(Math.min(512, file.length));
  await file.read(tail, file.length - tail.length);
  let image = inspectImage(head, tail);
  for (let needs = image.needs; needs !== undefined; needs = image.needs) {
    const bytes = Buffer.alloc(needs);
    const read = await file.read(bytes, 0);
    if (read < needs) break; // it was cut off: `verifyVhdx` says so
    image = inspectImage(bytes);
  }
  if (image.format === "vhdx" && image.type === "differencing") {
    throw refused({
      fact: "the VHDX is only the difference to another file that it names",
      hint: "Merge it on its host first, with `Merge-VHD`, or delete the checkpoint that it belongs to.",
    });
  }
  const problem = FOREIGN[image.format] ?? imageProblem(image);
  if (problem !== undefined) throw refused(problem);
  return image;
}
