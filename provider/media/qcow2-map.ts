import { Buffer } from "node:buffer";
import { damaged } from "./image-hyper.js";
import type { Qcow2 } from "./qcow2.js";
import type { LocalFile } from "./source-file.js";

/** Where a stretch of the guest's disk is. Neighbours of the same sort are joined. */
export type Run =
  | { readonly sort: "zero"; readonly length: number }
  /** In the file, as it is. */
  | { readonly sort: "data"; readonly length: number; readonly at: number }
  | Packed;

/** In a compressed cluster of `bytes` at `at`, from `skip` on in what it unpacks to. */
export interface Packed {
  readonly sort: "packed";
  readonly length: number;
  readonly at: number;
  readonly bytes: number;
  readonly skip: number;
}

/** QEMU's own limit (block/qcow2.h, QCOW_MAX_L1_SIZE). */
const MOST_TABLES = 32 * 1024 * 1024;
const SUBCLUSTERS = 32;
const wrong = (what: string) => damaged("qcow2", what);
const short = () => wrong("the file ends before what its tables name");

/**
 * Where the guest's bytes are: from one place to before another, in order. Holds the table of tables (32 MiB at most, 1
 * MiB for 4 TiB with clusters of 64 KiB) and one table (a cluster). Facts: QEMU's docs/interop/qcow2.txt.
 */
export async function qcow2Map(
  file: LocalFile,
  image: Qcow2,
): Promise<(from: number, to: number) => AsyncGenerator<Run>> {
  const { clusterSize, size, extended } = image;
  const covered = (clusterSize / (extended ? 16 : 8)) * clusterSize;
  const tables = Math.ceil(size / covered);
  if (tables > image.tables || tables * 8 > MOST_TABLES) throw wrong("its table of tables does not fit its size");
  const level1 = await whole(file, image.tablesAt, tables * 8);
  let held = -1;
  let table: Buffer = Buffer.alloc(0);

  return async function* runs(from, to) {
    for (let at = from; at < to; ) {
      const number = Math.floor(at / covered);
      const end = Math.min(to, (number + 1) * covered);
      const place = placeIn(level1, number * 8);
      if (place === 0) yield { sort: "zero", length: end - at };
      else {
        if (held !== number) {
          aligned(place, clusterSize);
          held = -1;
          table = await whole(file, place, clusterSize);
          held = number;
        }
        yield* joined(clusters(table, { at, end, start: number * covered }, { image, length: file.length }));
      }
      at = end;
    }
  };
}

interface Stretch {
  readonly at: number;
  readonly end: number;
  /** The guest's place that the table's first entry stands for. */
  readonly start: number;
}

function* clusters(
  table: Buffer,
  { at, end, start }: Stretch,
  { image, length }: { readonly image: Qcow2; readonly length: number },
): Generator<Run> {
  const { clusterSize, extended } = image;
  for (let place = at; place < end; ) {
    const index = Math.floor((place - start) / clusterSize);
    const skip = (place - start) % clusterSize;
    const rest = Math.min(end - place, clusterSize - skip);
    const entry = index * (extended ? 16 : 8);
    if (table.readUInt8(entry) & COMPRESSED) {
      const run = packed(table.readBigUInt64BE(entry), image, { skip, length: rest });
      if (run.at >= length) throw short();
      yield run;
    } else {
      const host = placeIn(table, entry);
      aligned(host, clusterSize);
      const found = extended
        ? subclusters(table, { entry, host, skip, length: rest }, clusterSize / SUBCLUSTERS)
        : [cluster(table, { entry, host, skip, length: rest }, image)];
      for (const run of found) {
        if (run.sort === "data" && host >= length) throw short();
        yield run;
      }
    }
    place += rest;
  }
}

/** In the first and the last byte of an entry. */
const COMPRESSED = 0x40;
const ZERO = 1;

/** A part of a cluster: its entry's place in the table, the cluster's in the file, and which bytes of it. */
interface Split {
  readonly entry: number;
  readonly host: number;
  readonly skip: number;
  readonly length: number;
}

function cluster(table: Buffer, { entry, host, skip, length }: Split, { version }: Qcow2): Run {
  const zero = (table.readUInt8(entry + 7) & ZERO) !== 0;
  if (zero && version === 2) throw wrong("a table has a flag that version 2 does not know");
  return zero || host === 0 ? { sort: "zero", length } : { sort: "data", length, at: host + skip };
}

/** Of each subcluster one bit says that it is zeros, another that it is there; neither: it was never written. */
function* subclusters(table: Buffer, { entry, host, skip, length }: Split, bytes: number): Generator<Run> {
  const zeros = table.readUInt32BE(entry + 8);
  const there = table.readUInt32BE(entry + 12);
  if ((zeros & there) !== 0 || (host === 0 && there !== 0)) throw wrong("a table contradicts itself");
  for (let at = skip; at < skip + length; ) {
    const number = Math.floor(at / bytes);
    const rest = Math.min(skip + length, (number + 1) * bytes) - at;
    yield (there >>> number) & 1 ? { sort: "data", length: rest, at: host + at } : { sort: "zero", length: rest };
    at += rest;
  }
}

/** The file's place and the sectors share an entry; the smaller the clusters, the more bits are left for the place. */
function packed(entry: bigint, { clusterSize }: Qcow2, part: { skip: number; length: number }): Packed {
  const bits = BigInt(62 - (Math.log2(clusterSize) - 8));
  const at = Number(entry & ((1n << bits) - 1n));
  const sectors = Number((entry & ((1n << 62n) - 1n)) >> bits) + 1;
  return { sort: "packed", at, bytes: sectors * 512 - (at % 512), ...part };
}

function* joined(runs: Iterable<Run>): Generator<Run> {
  let last: Run | undefined;
  for (const run of runs) {
    if (last?.sort === "zero" && run.sort === "zero") last = { ...last, length: last.length + run.length };
    else if (last?.sort === "data" && run.sort === "data" && last.at + last.length === run.at)
      last = { ...last, length: last.length + run.length };
    else {
      if (last !== undefined) yield last;
      last = run;
    }
  }
  if (last !== undefined) yield last;
}

/** Bits 9 to 55 of an entry: a place in the file. */
const placeIn = (table: Buffer, at: number): number =>
  (table.readUInt32BE(at) & 0xff_ffff) * 2 ** 32 + ((table.readUInt32BE(at + 4) & ~511) >>> 0);

function aligned(place: number, clusterSize: number): void {
  if (place % clusterSize !== 0) throw wrong("a table names a place that is not the start of a cluster");
}

async function whole(file: LocalFile, at: number, length: number): Promise<Buffer> {
  if (at + length > file.length) throw short();
  const bytes = Buffer.alloc(length);
  if ((await file.read(bytes, at)) < length) throw short();
  return bytes;
}
