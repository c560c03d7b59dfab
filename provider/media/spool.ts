import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProviderError } from "../core/errors.js";
import { type Found, openSource, type SourceOptions } from "./source.js";
import { filled, type LocalFile } from "./source-file.js";

/**
 * A download in a temporary file, for what has to be read at any place: web servers need not serve ranges, and what they
 * serve may change between two requests. Its holes take no room on the disk. The file's name is taken away at once, so
 * that nothing is left even when this process is killed; `close` gives the room back.
 *
 * @param accept throws when the rest need not be waited for; gets what is known of the source at its start.
 * @throws ProviderError as `openSource` and its `chunks`; `failed` when the file cannot be written.
 */
export async function spooled(
  address: string,
  options: SourceOptions,
  accept: (found: Found) => void,
): Promise<LocalFile> {
  const source = await openSource(address, options);
  try {
    accept(source);
    const { handle, close } = await written(nameless());
    try {
      let length = 0;
      for await (const chunk of source.chunks()) {
        if (chunk instanceof Uint8Array) await written(whole(handle, chunk, length));
        length += chunk instanceof Uint8Array ? chunk.length : chunk.hole;
      }
      await written(handle.truncate(length));
      return {
        name: source.name,
        identity: source.identity,
        length,
        read: (into, position) => written(filled(handle, into, position)),
        unchanged: async () => {},
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  } finally {
    await source.close();
  }
}

/** A new file whose name is taken away at once where the system lets an open file go (all but old Windows), else at its end. */
async function nameless(): Promise<{ readonly handle: FileHandle; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "crossvisor-source-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  const handle = await open(join(folder, "image"), "wx+", 0o600).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  await remove().catch(() => {}); // it is tried again when nothing holds the file any more
  return {
    handle,
    close: async () => {
      await handle.close();
      await remove();
    },
  };
}

async function whole(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

function written<T>(work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown cause";
    throw new ProviderError("failed", `the source cannot be kept in a temporary file in ${tmpdir()} (${code})`, {
      where: { property: "source" },
      hint: "Make room there, let TMPDIR name a folder with more room, or download the image and give its path.",
      cause,
    });
  });
}
