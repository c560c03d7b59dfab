import { Buffer } from "node:buffer";
import { isProviderError, ProviderError } from "../core/errors.js";
import { chunks, type Disk } from "./disk.js";
import { imageProblem, inspectImage } from "./image.js";
import { damaged } from "./image-hyper.js";
import { type Packed, qcow2Map, type Run } from "./qcow2-map.js";
import { type Packing, unpack } from "./qcow2-unpack.js";
import { LONGEST_HOLE, PIECE } from "./source-chunks.js";
import { cancelled, type LocalFile, ring } from "./source-file.js";

/** What of a qcow2 header says where the guest's bytes are. */
export interface Qcow2 {
  readonly version: 2 | 3;
  /** Bytes of the disk as a guest sees it. */
  readonly size: number;
  /** Bytes. */
  readonly clusterSize: number;
  /** How many tables of clusters there are, and where in the file they are listed. */
  readonly tables: number;
  readonly tablesAt: number;
  /** Each cluster has 32 parts that are there or not. */
  readonly extended: boolean;
  readonly packing: Packing;
}

/**
 * The disk in a qcow2 image of version 2 or 3, as its guest sees it now; snapshots in the image are passed over. The
 * `parts` come from its tables, without reading data. Besides the tables, about 8 MiB are held.
 *
 * @param head the first bytes of the file: `IMAGE_HEAD`, or the whole file where it is shorter.
 * @throws ProviderError, property `source`: `invalid` for an image that needs another file, is encrypted, damaged or not
 *   closed properly; `unsupported` for what this reader does not know.
 */
export async function qcow2Disk(file: LocalFile, head: Buffer, signal?: AbortSignal): Promise<Disk> {
  const image = qcow2Header(head);
  const map = await qcow2Map(file, image);
  const next = ring();

  return {
    size: image.size,
    async *parts() {
      let offset = 0;
      for await (const { sort, length } of map(0, image.size)) {
        if (signal?.aborted) throw cancelled(signal);
        if (sort !== "zero") yield { offset, length };
        offset += length;
      }
    },
    async *read(from, to) {
      let gathered: Run[] = [];
      let length = 0;
      const flushed = async () => {
        if (signal?.aborted) throw cancelled(signal);
        const piece = next().subarray(0, length);
        const work = gathered;
        gathered = [];
        length = 0;
        await fill(piece, work, { file, image });
        return chunks(piece);
      };
      for await (const found of map(from, to)) {
        if (found.sort === "zero") {
          if (length > 0) yield* await flushed();
          for (let rest = found.length; rest > 0; rest -= LONGEST_HOLE) yield { hole: Math.min(rest, LONGEST_HOLE) };
          continue;
        }
        for (let done = 0; done < found.length; ) {
          const run = cut(found, done, PIECE - length);
          gathered.push(run);
          length += run.length;
          done += run.length;
          if (length === PIECE) yield* await flushed();
        }
      }
      if (length > 0) yield* await flushed();
    },
  };
}

type Filled = Exclude<Run, { sort: "zero" }>;

/** What of a run lies behind `done` bytes, at most `most`. */
function cut(run: Filled, done: number, most: number): Filled {
  const length = Math.min(run.length - done, most);
  return run.sort === "data" ? { ...run, length, at: run.at + done } : { ...run, length, skip: run.skip + done };
}

/** Reads all runs of a piece at once. */
async function fill(piece: Buffer, gathered: readonly Run[], from: { file: LocalFile; image: Qcow2 }): Promise<void> {
  let offset = 0;
  await Promise.all(
    gathered.map(async (run) => {
      const into = piece.subarray(offset, offset + run.length);
      offset += run.length;
      if (run.sort === "packed") into.set(await unpacked(run, from));
      // A file may end within its last cluster; QEMU reads zeros there.
      else if (run.sort === "data") into.fill(0, await from.file.read(into, run.at));
    }),
  );
}

async function unpacked(
  run: Packed,
  { file, image: { packing, clusterSize } }: { file: LocalFile; image: Qcow2 },
): Promise<Buffer> {
  const bytes = Buffer.alloc(run.bytes);
  const read = await file.read(bytes, run.at);
  const cluster = await unpack(packing, bytes.subarray(0, read), clusterSize).catch((error: unknown) => {
    throw isProviderError(error) ? error : damaged("qcow2", "a compressed cluster cannot be unpacked");
  });
  if (cluster.length !== clusterSize) throw damaged("qcow2", "a compressed cluster is not complete");
  return cluster.subarray(run.skip, run.skip + run.length);
}

const DIRTY = 1n;
const PACKING = 8n;
const EXTENDED = 16n;
const KNOWN = 31n;
const PACKINGS: readonly Packing[] = ["zlib", "zstd"];

function qcow2Header(head: Buffer): Qcow2 {
  const found = inspectImage(head);
  const problem = imageProblem(found);
  if (problem !== undefined) throw refused(problem.fact, problem.hint);
  if (found.format !== "qcow2") throw new ProviderError("bug", `a ${found.format} image was read as qcow2`);
  const features = found.version === 3 ? head.readBigUInt64BE(72) : 0n;
  if ((features & ~KNOWN) !== 0n) throw unknown("has features that are not known");
  if ((features & DIRTY) !== 0n) {
    throw refused(
      "the image was not closed properly",
      "Shut its machine down, or repair it with `qemu-img check -r all`.",
    );
  }
  // The field lies behind the fields of every version 3 header, so an older header does not have it.
  const long = found.version === 3 && head.readUInt32BE(100) > 104 && head.length > 104;
  const packing = PACKINGS[long && (features & PACKING) !== 0n ? head.readUInt8(104) : 0];
  if (packing === undefined) throw unknown("is compressed in a way that is not known");
  const bits = head.readUInt32BE(20);
  const extended = (features & EXTENDED) !== 0n;
  if (extended && bits < 14) throw damaged("qcow2", "its clusters are too small for parts");
  return {
    version: found.version === 2 ? 2 : 3,
    size: found.virtualSize ?? 0,
    clusterSize: 2 ** bits,
    tables: head.readUInt32BE(36),
    tablesAt: Number(head.readBigUInt64BE(40)),
    extended,
    packing,
  };
}

const refused = (fact: string, hint: string): ProviderError =>
  new ProviderError("invalid", fact, { where: { property: "source" }, hint });

const unknown = (what: string): ProviderError =>
  new ProviderError("unsupported", `the qcow2 image ${what}`, {
    where: { property: "source" },
    hint: "Write it anew, with `qemu-img convert -O qcow2`.",
  });
