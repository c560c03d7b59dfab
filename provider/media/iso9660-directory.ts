import { Buffer } from "node:buffer";

/** One entry of a folder before it is laid out. */
export interface DirectoryRecord {
  readonly identifier: Buffer;
  /** First block of the content. */
  readonly sector: number;
  /** Bytes of the content. */
  readonly size: number;
  /** POSIX mode including the type bits. */
  readonly mode: number;
  /** The name that Rock Ridge readers show; absent in a Joliet folder. */
  readonly longName?: string;
}

/** Where a folder lies; `rockRidge` is the block of its notice, absent for Joliet. */
export interface Place {
  readonly sector: number;
  readonly size: number;
  readonly rockRidge?: number;
}

/** Regular file, readable by all: what protects a seed is the device it is read from. */
export const FILE_MODE = 0o100444;
const FOLDER_MODE = 0o040555;
const FOLDER_FLAG = 2;
const SECTOR = 2048;
/** 2020-01-01T00:00:00Z, in the seven bytes of ECMA-119 9.1.5. */
const RECORD_TIME = [120, 1, 1, 0, 0, 0, 0];

/** The record of the root folder as a volume descriptor holds it: 34 bytes. */
export const rootRecord = (place: Place): Buffer => record({ ...place, identifier: Buffer.from([0]), folder: true });

/** Writes one root folder to its blocks, entries sorted by the caller, and returns its size in bytes. */
export function directoryExtent(
  entries: readonly DirectoryRecord[],
  place: Place,
  at: (sector: number) => Buffer,
): number {
  const rockRidge = place.rockRidge;
  const here = { sector: place.sector, size: place.size, folder: true };
  const self = rockRidge === undefined ? [] : [SHARING, mode(FOLDER_MODE, 2), continuation(rockRidge, NOTICE.length)];
  const parent = rockRidge === undefined ? [] : [mode(FOLDER_MODE, 2)];
  const all = [
    record({ ...here, identifier: Buffer.from([0]), system: self }),
    record({ ...here, identifier: Buffer.from([1]), system: parent }),
    ...entries.map(({ longName, ...entry }) =>
      record({ ...entry, system: longName === undefined ? [] : [mode(entry.mode, 1), name(longName)] }),
    ),
  ];
  const block = at(place.sector);
  let offset = 0;
  for (const bytes of all) {
    // A record never crosses a block (ECMA-119 6.8.1.1).
    if ((offset % SECTOR) + bytes.length > SECTOR) offset = Math.ceil(offset / SECTOR) * SECTOR;
    bytes.copy(block, offset);
    offset += bytes.length;
  }
  if (rockRidge !== undefined) NOTICE.copy(at(rockRidge));
  return Math.ceil(offset / SECTOR) * SECTOR;
}

interface Raw {
  readonly identifier: Buffer;
  readonly sector: number;
  readonly size: number;
  readonly folder?: boolean;
  readonly system?: readonly Buffer[];
}

/** ECMA-119 9.1: a directory record, of even length. */
function record({ identifier, sector, size, folder = false, system = [] }: Raw): Buffer {
  const named = 33 + identifier.length + ((identifier.length + 1) % 2);
  const used = named + system.reduce((sum, part) => sum + part.length, 0);
  const bytes = Buffer.alloc(used + (used % 2));
  bytes[0] = bytes.length;
  bytes.writeUInt32LE(sector, 2);
  bytes.writeUInt32BE(sector, 6);
  bytes.writeUInt32LE(size, 10);
  bytes.writeUInt32BE(size, 14);
  bytes.set(RECORD_TIME, 18);
  bytes[25] = folder ? FOLDER_FLAG : 0;
  bytes.writeUInt16LE(1, 28);
  bytes.writeUInt16BE(1, 30);
  bytes[32] = identifier.length;
  identifier.copy(bytes, 33);
  Buffer.concat(system).copy(bytes, named);
  return bytes;
}

/** A system use entry (SUSP 1.10): two letters, length, version 1, content. */
const entry = (signature: string, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from(signature, "latin1"), Buffer.from([content.length + 4, 1]), content]);

const both = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, index) => {
    bytes.writeUInt32LE(value, index * 8);
    bytes.writeUInt32BE(value, index * 8 + 4);
  });
  return bytes;
};

const SHARING = entry("SP", Buffer.from([0xbe, 0xef, 0]));
const mode = (bits: number, links: number): Buffer => entry("PX", both(bits, links, 0, 0));
const name = (text: string): Buffer => entry("NM", Buffer.concat([Buffer.from([0]), Buffer.from(text, "latin1")]));
const continuation = (sector: number, length: number): Buffer => entry("CE", both(sector, 0, length));

const IDENTIFIER = "RRIP_1991A";
const DESCRIPTION = "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS";
const ORIGIN =
  "PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.";

/** `ER`: without it Linux takes Joliet instead of Rock Ridge (fs/isofs/rock.c). Too long for a record, so it has a block. */
const NOTICE = entry(
  "ER",
  Buffer.concat([
    Buffer.from([IDENTIFIER.length, DESCRIPTION.length, ORIGIN.length, 1]),
    Buffer.from(IDENTIFIER + DESCRIPTION + ORIGIN, "latin1"),
  ]),
);
