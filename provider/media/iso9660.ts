import { Buffer } from "node:buffer";
import { ProviderError } from "../core/errors.js";
import { type DirectoryRecord, directoryExtent, FILE_MODE, rootRecord } from "./iso9660-directory.js";

/** One file of the image's root folder. */
export interface IsoFile {
  /** Letters, digits, dot, hyphen and underscore; 1 to 64 characters (Joliet's limit); case is kept. */
  readonly name: string;
  readonly content: Uint8Array;
}

/** Bytes in a logical block; ECMA-119 calls it a logical sector. */
export const SECTOR = 2048;

const FIRST_DESCRIPTOR = 16;
const PATH_TABLES = 19;
const FIRST_EXTENT = 23;
/** The time in every field that wants one: 2020-01-01T00:00:00Z, so that the same input gives the same bytes. */
const VOLUME_TIME = "2020010100000000";

/**
 * An ISO 9660 image (ECMA-119 level 2) with these files in its root folder, built in memory.
 *
 * Names are written three times: upper case for plain readers, Rock Ridge `NM` (RRIP 1.09) for Linux, and Joliet (UCS-2
 * level 3) for Windows, so that every reader sees `user-data` as it was given. The bytes depend on the arguments only;
 * the order of the files does not matter.
 *
 * @param label the volume label: 1 to 16 letters, digits, hyphens or underscores (Joliet's limit); case is kept.
 * @throws ProviderError `invalid` for a label or a name out of range, or a name given twice.
 */
export function isoImage(label: string, files: readonly IsoFile[]): Uint8Array {
  check(label, files);
  const plain = plainNames(files.map((file) => file.name));
  const order = [...files].sort((a, b) => compare(a.name, b.name));

  const sizes = directorySizes(order, plain);
  const primaryRoot = FIRST_EXTENT;
  const jolietRoot = primaryRoot + sectors(sizes.primary) + 1; // one block between holds the Rock Ridge notice
  let next = jolietRoot + sectors(sizes.joliet);
  const extents = new Map<string, number>();
  for (const file of order) {
    extents.set(file.name, next);
    next += Math.max(1, sectors(file.content.length)); // some readers refuse an extent beyond the volume
  }

  const image = Buffer.alloc(next * SECTOR);
  const at = (sector: number): Buffer => image.subarray(sector * SECTOR);
  const listed = records(order, plain, extents);
  directoryExtent(listed.primary, { sector: primaryRoot, size: sizes.primary, rockRidge: jolietRoot - 1 }, at);
  directoryExtent(listed.joliet, { sector: jolietRoot, size: sizes.joliet }, at);
  volumeDescriptor(at(FIRST_DESCRIPTOR), {
    label,
    blocks: next,
    root: primaryRoot,
    size: sizes.primary,
    joliet: false,
  });
  volumeDescriptor(at(FIRST_DESCRIPTOR + 1), {
    label,
    blocks: next,
    root: jolietRoot,
    size: sizes.joliet,
    joliet: true,
  });
  at(FIRST_DESCRIPTOR + 2).write("\xffCD001\x01", "latin1");
  pathTables(at, primaryRoot, PATH_TABLES);
  pathTables(at, jolietRoot, PATH_TABLES + 2);
  for (const file of order) at(extents.get(file.name) ?? 0).set(file.content);
  return image;
}

function check(label: string, files: readonly IsoFile[]): void {
  if (!/^[A-Za-z0-9_-]{1,16}$/.test(label)) {
    throw new ProviderError("invalid", `the volume label ${JSON.stringify(label)} is not usable in an ISO image`, {
      hint: "Use 1 to 16 letters, digits, hyphens or underscores.",
    });
  }
  const seen = new Set<string>();
  for (const { name } of files) {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(name) || name === "." || name === "..") {
      throw new ProviderError("invalid", `the file name ${JSON.stringify(name)} is not usable in an ISO image`, {
        hint: "Use 1 to 64 letters, digits, dots, hyphens or underscores.",
      });
    }
    // Windows and Joliet readers do not tell names apart by case alone.
    if (seen.has(name.toLowerCase())) {
      throw new ProviderError("invalid", `the file name ${JSON.stringify(name)} is given twice`);
    }
    seen.add(name.toLowerCase());
  }
}

/**
 * Upper-case names for readers that know neither extension: at most 30 characters of A-Z, 0-9 and underscore around one
 * dot, made unique by a number, with the version `;1`.
 */
function plainNames(names: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const found = new Map<string, string>();
  for (const name of [...names].sort(compare)) {
    const dot = name.lastIndexOf(".");
    const clean = (text: string): string => text.toUpperCase().replace(/[^A-Z0-9]/g, "_");
    const stem = clean(dot > 0 ? name.slice(0, dot) : name);
    const extension = dot > 0 ? clean(name.slice(dot + 1)).slice(0, 8) : "";
    let plain = `${stem.slice(0, 21)}.${extension};1`;
    for (let n = 2; taken.has(plain); n++) plain = `${stem.slice(0, 17)}${n}.${extension};1`;
    taken.add(plain);
    found.set(name, plain);
  }
  return found;
}

function records(
  files: readonly IsoFile[],
  plain: ReadonlyMap<string, string>,
  extents: ReadonlyMap<string, number>,
): { primary: DirectoryRecord[]; joliet: DirectoryRecord[] } {
  const base = (file: IsoFile) => ({ sector: extents.get(file.name) ?? 0, size: file.content.length, mode: FILE_MODE });
  const primary = files.map((file) => ({
    ...base(file),
    identifier: Buffer.from(plain.get(file.name) ?? "", "latin1"),
    longName: file.name,
  }));
  // Without the version `;1`, as genisoimage and xorriso write it.
  const joliet = files.map((file) => ({ ...base(file), identifier: ucs2(file.name) }));
  const byIdentifier = (a: DirectoryRecord, b: DirectoryRecord): number => Buffer.compare(a.identifier, b.identifier);
  return { primary: primary.sort(byIdentifier), joliet: joliet.sort(byIdentifier) };
}

/** Sizes of the two root folders in bytes: they must be known before the first extent can be placed. */
function directorySizes(files: readonly IsoFile[], plain: ReadonlyMap<string, string>) {
  const nowhere = (): Buffer => Buffer.alloc(SECTOR * (files.length + 2));
  const listed = records(files, plain, new Map());
  return {
    primary: directoryExtent(listed.primary, { sector: 0, size: 0, rockRidge: 0 }, nowhere),
    joliet: directoryExtent(listed.joliet, { sector: 0, size: 0 }, nowhere),
  };
}

interface Volume {
  readonly label: string;
  /** Size of the whole volume in blocks. */
  readonly blocks: number;
  /** Block and bytes of the root folder. */
  readonly root: number;
  readonly size: number;
  readonly joliet: boolean;
}

/** ECMA-119 8.4 (primary) and 8.5 (supplementary, here Joliet). */
function volumeDescriptor(block: Buffer, { label, blocks, root, size, joliet }: Volume): void {
  const text = (offset: number, length: number, value: string): void => {
    const padded = value.padEnd(joliet ? Math.floor(length / 2) : length, " ");
    block.set(joliet ? ucs2(padded) : Buffer.from(padded, "latin1"), offset);
  };
  block.write(joliet ? "\x02CD001\x01" : "\x01CD001\x01", "latin1");
  text(8, 32, "");
  text(40, 32, label);
  both32(block, 80, blocks);
  if (joliet) block.write("%/E", 88, "latin1");
  both16(block, 120, 1);
  both16(block, 124, 1);
  both16(block, 128, SECTOR);
  both32(block, 132, PATH_TABLE_BYTES);
  const tables = joliet ? PATH_TABLES + 2 : PATH_TABLES;
  block.writeUInt32LE(tables, 140);
  block.writeUInt32BE(tables + 1, 148);
  rootRecord({ sector: root, size }).copy(block, 156);
  text(190, 128 * 4, ""); // volume set, publisher, preparer, application
  text(702, 37, "");
  text(739, 37, "");
  text(776, 37, "");
  for (const offset of [813, 830]) block.write(VOLUME_TIME, offset, "latin1"); // created, modified; last byte: UTC
  for (const offset of [847, 864]) block.write("0".repeat(16), offset, "latin1"); // never expires, effective at once
  block[881] = 1;
}

const PATH_TABLE_BYTES = 10;

/** ECMA-119 6.9: one entry for the root, in both byte orders. */
function pathTables(at: (sector: number) => Buffer, root: number, first: number): void {
  const [little, big] = [at(first), at(first + 1)];
  little[0] = 1;
  little.writeUInt32LE(root, 2);
  little.writeUInt16LE(1, 6);
  big[0] = 1;
  big.writeUInt32BE(root, 2);
  big.writeUInt16BE(1, 6);
}

function both16(block: Buffer, offset: number, value: number): void {
  block.writeUInt16LE(value, offset);
  block.writeUInt16BE(value, offset + 2);
}

function both32(block: Buffer, offset: number, value: number): void {
  block.writeUInt32LE(value, offset);
  block.writeUInt32BE(value, offset + 4);
}

const sectors = (bytes: number): number => Math.ceil(bytes / SECTOR);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const ucs2 = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();
