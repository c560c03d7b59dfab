import type { Step } from "../../core/driver.js";
import { isProviderError, ProviderError } from "../../core/errors.js";
import { showBytes } from "../../core/units.js";
import { type Chunk, openSource, type Source } from "../../media/source.js";
import type { LibvirtHost } from "./host.js";
import type { OpenPool } from "./pool-lookup.js";
import { Stream, VolumeCreate, volumes } from "./rpc/index.js";
import type { Sent } from "./rpc/transfer.js";
import type { VolumeRef } from "./rpc/types.js";
import { ofBlocks } from "./volume-block.js";
import { cutShort, roomFault } from "./volume-room.js";
import { foundFault } from "./volume-source.js";
import { formatOf, readVolume, writeVolume } from "./volume-xml.js";

/** A volume that starts as a copy of a source. */
export interface Copy {
  readonly name: string;
  readonly format: "qcow2" | "raw";
  readonly source: string;
  readonly sha256: string | undefined;
  /** Bytes; absent is the size of the source. */
  readonly size: number | undefined;
  /** It becomes a block device. */
  readonly block: boolean;
  /** It takes the room of its whole size. */
  readonly thick: boolean;
}

export interface Publication {
  readonly pool: OpenPool;
  /** Where the upload goes. */
  readonly part: VolumeRef;
  readonly copy: Copy;
}

/** Where an upload goes before it is complete: its name holds a part of the mark, so that it is known as ours. */
export const partOf = (pool: OpenPool, name: string, mark: string): VolumeRef => ({
  pool: pool.name,
  name: `.${name}.${mark.slice(0, 8)}.part`,
  key: "",
});

/**
 * Uploads a source into the part file. It ends well only when all of it is there, has the right length and checksum and
 * the wanted size.
 */
export async function fillPart(host: LibvirtHost, publication: Publication, step: Step): Promise<void> {
  const { pool, part, copy } = publication;
  const source = await openSource(copy.source, { sha256: copy.sha256, signal: step.signal });
  try {
    const fault = foundFault(source, copy);
    if (fault !== undefined)
      throw new ProviderError("invalid", fault.fact, { where: { property: fault.property }, hint: fault.hint });
    const full = await roomFault(host, pool, {
      data: source.data,
      length: source.length,
      thick: copy.thick,
      size: copy.size,
    });
    if (full !== undefined)
      throw new ProviderError("failed", full.fact, { where: { property: full.property }, hint: full.hint });
    await make(host, pool, { name: part.name, format: copy.format, ...room(pool, source, copy) });
    const sent = await send(host, publication, source, step);
    await settle(host, publication, sent);
  } finally {
    await source.close();
  }
}

/** A file grows with the upload; a qcow2 needs some size to be made. A block device has its room from the beginning. */
function room(pool: OpenPool, { length }: Source, { format }: Copy): { capacity: number; block: boolean } {
  if (!ofBlocks(pool)) return { capacity: format === "raw" ? 0 : SMALLEST, block: false };
  if (length !== undefined) return { capacity: length, block: true };
  throw new ProviderError("invalid", "its length is not known before it has been read, and a block device needs it", {
    where: { property: "source" },
    hint: "Give a file, or a server that tells the length, or use a pool of files.",
  });
}

const SMALLEST = 512;

async function make({ session }: LibvirtHost, pool: OpenPool, volume: Parameters<typeof writeVolume>[0]) {
  await session.call(volumes.create, { pool: pool.ref, xml: writeVolume(volume), flags: 0 });
}

async function send(
  { session }: LibvirtHost,
  { part: vol, copy }: Publication,
  source: Source,
  step: Step,
): Promise<Sent> {
  const { signal } = step;
  const content = told(fitting(source.chunks(), copy), source, step);
  const args = { vol, offset: 0, length: source.length ?? 0, flags: Stream.sparse };
  const sent = await session.upload(volumes.upload, args, content, { signal });
  if (source.length !== undefined && sent.total !== source.length)
    throw new ProviderError("failed", `${sent.total} of ${source.length} bytes were sent`);
  return sent;
}

/** Ends a download of unknown length as soon as it is more than a raw volume can hold. */
async function* fitting(chunks: AsyncIterable<Chunk>, { format, size }: Copy): AsyncGenerator<Chunk> {
  let left = format === "raw" ? (size ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  for await (const chunk of chunks) {
    left -= bytesOf(chunk);
    if (left < 0)
      throw new ProviderError("invalid", `${showBytes(size ?? 0)} is smaller than the source, which has more`, {
        where: { property: "size" },
        hint: "Set size to at least what the source has, or leave it out.",
      });
    yield chunk;
  }
}

const bytesOf = (chunk: Chunk): number => (chunk instanceof Uint8Array ? chunk.length : chunk.hole);

/** Milliseconds and share of the whole after which a person hears of the progress. */
const [PAUSE, SHARE] = [10_000, 0.1];

async function* told(chunks: AsyncIterable<Chunk>, { name, length }: Source, step: Step): AsyncGenerator<Chunk> {
  const of = length === undefined ? "" : ` of ${rounded(length)}`;
  step.report(`uploading ${name}${length === undefined ? "" : ` (${rounded(length)})`}`);
  let [done, last, lastAt] = [0, 0, Date.now()];
  for await (const chunk of chunks) {
    yield chunk;
    done += bytesOf(chunk);
    const far = length !== undefined && done - last >= length * SHARE && Date.now() - lastAt >= PAUSE / 10;
    if (!far && Date.now() - lastAt < PAUSE) continue;
    [last, lastAt] = [done, Date.now()];
    step.report(`uploaded ${rounded(done)}${of}`);
  }
  step.report(`uploaded ${rounded(done)}`);
}

/** What came to the host is what was sent, and it has the wanted size before anybody can see it. */
async function settle({ session }: LibvirtHost, { pool, part: vol, copy }: Publication, { total }: Sent) {
  const { format, size } = copy;
  const { physical, capacity, block } = readVolume(await session.call(volumes.xml, { vol, flags: 0 }));
  // A tiny qcow2 may be shorter than the empty one in whose place it was sent; what is behind its end is not used.
  if (physical < total || (format === "raw" && !block && physical !== total)) throw cutShort(pool, physical, total);
  // A copy between qcow2 volumes has the size of what is copied, whatever is asked for (9.0.0).
  if (format === "qcow2" && size !== undefined && size > capacity)
    await session.call(volumes.resize, { vol, capacity: size, flags: 0 });
}

/**
 * Makes the volume from the complete part file. libvirt cannot rename a volume, so the host copies it: as a clone of its
 * extents where the file system can, else leaving out zeros. A qcow2 is written anew by qemu-img: compressed clusters
 * become plain ones.
 */
export async function publish(host: LibvirtHost, { pool, part: source, copy }: Publication): Promise<void> {
  const { name, format, size, block, thick } = copy;
  const { session } = host;
  // libvirt makes a copy as large as what it copies, and takes the room that it is told: of a block device that is told to be
  // smaller it would make a snapshot.
  const least = thick ? readVolume(await session.call(volumes.xml, { vol: source, flags: 0 })).capacity : 0;
  const xml = writeVolume({ name, format, capacity: Math.max(size ?? 0, least), block, thick });
  const from = (flags: number) => session.call(volumes.createFrom, { pool: pool.ref, xml, source, flags });
  const cloned = format === "raw" && !thick && (await from(VolumeCreate.reflink).then(() => true, notCloned));
  if (!cloned) await from(0);
}

/** What is wrong with a volume that the host made of the part file: nothing, or an error. */
export async function publishedFault(
  { session }: LibvirtHost,
  { pool, copy: { name, format, size } }: Publication,
): Promise<ProviderError | undefined> {
  const vol = { pool: pool.name, name, key: "" };
  const made = readVolume(await session.call(volumes.xml, { vol, flags: 0 }));
  const large = size === undefined || made.capacity === size || (ofBlocks(pool) && made.capacity > size);
  return formatOf(made) === format && large
    ? undefined
    : new ProviderError("failed", `the host made a copy of the format ${made.format} and ${made.capacity} bytes`);
}

/** Only files with extents that can be shared are cloned (btrfs, XFS): anything else is a reason to copy. */
const notCloned = (error: unknown): false => {
  if (isProviderError(error, "failed", "invalid", "unsupported")) return false;
  throw error;
};

const rounded = (bytes: number): string =>
  bytes < 2 ** 20 ? `${bytes} bytes` : showBytes(Math.round(bytes / 2 ** 20) * 2 ** 20).replace(/^(\d+)MiB$/, "$1 MiB");
