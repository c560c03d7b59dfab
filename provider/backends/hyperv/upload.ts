import { createHash } from "node:crypto";
import { ProviderError } from "../../core/errors.js";
import type { Part } from "../../transports/sftp.js";
import type { HypervHost } from "./host.js";
import { prepareFile, publishFile, removeFile, writeFile } from "./requests/file.js";
import type { DiskView } from "./view.js";

export interface Upload {
  /** Where it goes, as Windows spells it. */
  readonly path: string;
  readonly parts: AsyncIterable<Part>;
  /** What is there already is written over; else it is refused (`exists`) before anything is sent. */
  readonly replace?: boolean | undefined;
  /** A virtual disk gets an identifier of its own. */
  readonly newIdentifier?: boolean | undefined;
  /** The host reads back what it has and compares digests. It takes as long as the upload; lengths are compared always. */
  readonly verify?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes that the host has. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** Bytes of a piece that goes through the agent, whose lines must stay below 2 MiB. */
const PIECE = 1024 * 1024;

/**
 * Brings a file to the host: beside its place first, and into it in one step when it is complete. A failure leaves what
 * was there, and takes the part away where the host still answers.
 */
export async function upload(host: HypervHost, wanted: Upload): Promise<DiskView> {
  const { path, replace = false, newIdentifier = false, signal } = wanted;
  // Always the same, so that the next attempt takes away what one that was broken off left.
  const part = `${path}.part`;
  const taken = await prepareFile(host.agent, { part, path }, { signal });
  if (taken && !replace)
    throw new ProviderError("exists", `${path} exists already`, {
      hint: "Choose another name, or delete the file if nothing needs it.",
    });
  try {
    const { length, sha256 } = await send(host, part, wanted);
    const file = { part, path, length, sha256, replace, newIdentifier };
    return await publishFile(host.agent, file, { signal });
  } catch (error) {
    await removeFile(host.agent, part).catch(() => {});
    throw error;
  }
}

async function send(host: HypervHost, part: string, wanted: Upload) {
  const { signal, onProgress, verify = false } = wanted;
  const hash = verify ? createHash("sha256") : undefined;
  const parts = hash === undefined ? wanted.parts : hashed(wanted.parts, hash);
  const put = await host.way.put(part, parts, { signal, onProgress });
  const length = put ?? (await throughAgent(host, part, parts, { signal, onProgress }));
  return { length, sha256: hash?.digest("hex") };
}

async function throughAgent(
  { agent }: HypervHost,
  part: string,
  parts: AsyncIterable<Part>,
  { signal, onProgress }: Pick<Upload, "signal" | "onProgress">,
): Promise<number> {
  let offset = 0;
  let written = 0;
  const write = async (data: Uint8Array, at: number): Promise<void> => {
    await writeFile(agent, { part, offset: at, data }, { signal });
    written = at + data.length;
    onProgress?.(written);
  };
  await write(new Uint8Array(0), 0);
  for await (const bytes of parts) {
    if (bytes instanceof Uint8Array)
      for (let at = 0; at < bytes.length; at += PIECE) await write(bytes.subarray(at, at + PIECE), offset + at);
    offset += bytes instanceof Uint8Array ? bytes.length : bytes.hole;
  }
  if (offset > written) await write(new Uint8Array(1), offset - 1);
  return offset;
}

async function* hashed(parts: AsyncIterable<Part>, hash: ReturnType<typeof createHash>): AsyncGenerator<Part> {
  const zeros = new Uint8Array(PIECE);
  for await (const part of parts) {
    if (part instanceof Uint8Array) hash.update(part);
    else for (let left = part.hole; left > 0; left -= PIECE) hash.update(zeros.subarray(0, Math.min(left, PIECE)));
    yield part;
  }
}
