import { damaged } from "./image-hyper.js";
import type { LocalFile } from "./source-file.js";
import { Block, CHUNK_SECTORS, MiB } from "./vhdx-format.js";
import { LARGEST } from "./vhdx-layout.js";
import { bytesAt, type Region, readVhdx, type VhdxInfo } from "./vhdx-read.js";

const wrong = (what: string) => damaged("VHDX", what);

/**
 * Checks the structure of a whole VHDX by the rules of [MS-VHDX]: all checksums, that regions and blocks lie at whole
 * MiB, within the file and not over each other, and that the table of blocks says nothing that its type does not allow.
 * So a file that was cut off is found. The contents of a difference's bitmaps are not looked at, nor what is in a log.
 *
 * Reads no data; holds 3 MiB, and a bit for each MiB of the file.
 *
 * @returns what the file says of itself.
 * @throws ProviderError `invalid` (property `source`) for the first rule that is broken.
 */
export async function verifyVhdx(file: Pick<LocalFile, "read" | "length">): Promise<VhdxInfo> {
  const info = await readVhdx(file);
  sizes(info);
  const taken = new Uint8Array(Math.ceil(file.length / MiB / 8));
  const take = ({ at, length }: Region, what: string): void => {
    if (at % MiB !== 0) throw wrong(`${what} does not lie at a whole MiB`);
    if (at + length > file.length) throw wrong(`the file ends before the end of ${what}`);
    for (let unit = at / MiB; unit < (at + length) / MiB; unit++) {
      const bit = 1 << (unit % 8);
      const byte = taken[unit >> 3] ?? 0;
      if (byte & bit) throw wrong(`${what} lies over something else`);
      taken[unit >> 3] = byte | bit;
    }
  };
  take({ at: 0, length: MiB }, "its header");
  for (const [region, what] of [
    [info.log, "its log"],
    [info.metadata, "its metadata"],
    [info.table, "its table of blocks"],
  ] as const) {
    if (region.length % MiB !== 0 || region.length === 0) throw wrong(`${what} does not have whole MiB`);
    take(region, what);
  }
  await blocks(file, info, take);
  return info;
}

function sizes({ virtualSize, blockSize, logicalSector, physicalSector }: VhdxInfo): void {
  const sectors = [512, 4096];
  if (!sectors.includes(logicalSector) || !sectors.includes(physicalSector))
    throw wrong("its sectors have no known size");
  if (virtualSize === 0 || virtualSize > LARGEST || virtualSize % logicalSector !== 0)
    throw wrong("its virtual size is out of range");
  if (blockSize < MiB || blockSize > 256 * MiB || !Number.isInteger(Math.log2(blockSize)))
    throw wrong("its block size is out of range");
}

async function blocks(
  file: Pick<LocalFile, "read">,
  { virtualSize, blockSize, logicalSector, type, table }: VhdxInfo,
  take: (region: Region, what: string) => void,
): Promise<void> {
  const ratio = (CHUNK_SECTORS * logicalSector) / blockSize;
  const count = Math.ceil(virtualSize / blockSize);
  const chunks = Math.ceil(count / ratio);
  const entries = type === "differencing" ? chunks * (ratio + 1) : count + chunks - 1;
  if (entries * 8 > table.length) throw wrong("its table of blocks is too short for its size");
  for (let start = 0; start < entries * 8; start += MiB) {
    const piece = await bytesAt(file, { at: table.at + start, length: Math.min(MiB, entries * 8 - start) });
    for (let at = 0; at < piece.length; at += 8) {
      const entry = (start + at) / 8;
      const low = piece.readUInt32LE(at);
      if ((low & 0xf_fff8) !== 0) throw wrong("its table of blocks has bits that mean nothing");
      const place = piece.readUInt32LE(at + 4) * 2 ** 32 + ((low & ~7) >>> 0);
      if (entry % (ratio + 1) === ratio) bitmap(low & 7, type, () => take({ at: place, length: MiB }, "a bitmap"));
      else {
        const block = entry - Math.floor(entry / (ratio + 1));
        // Only what the disk has of its last block must be there.
        const length = Math.min(blockSize, virtualSize - block * blockSize);
        if (payload(low & 7, type)) take({ at: place, length }, "a block");
      }
    }
  }
}

const ABSENT: readonly number[] = [Block.absent, Block.undefined, Block.zero, Block.unmapped];

/** Whether the block is in the file. */
function payload(state: number, type: VhdxInfo["type"]): boolean {
  if (ABSENT.includes(state)) return false;
  if (state === Block.present || (state === Block.partly && type === "differencing")) return true;
  throw wrong("a block has a state that is unknown");
}

function bitmap(state: number, type: VhdxInfo["type"], here: () => void): void {
  if (state === Block.present && type === "differencing") here();
  else if (state !== Block.absent) throw wrong("a bitmap has a state that is unknown");
}
