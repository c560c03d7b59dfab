import type { Agent } from "../agent/agent.js";
import { fields, flag, number, text } from "../decode.js";
import { type DiskView, disk } from "../view.js";
import { change, type Waiting, work } from "./ask.js";

/** A file on its way: `part` is uploaded, `path` is where it goes. Both in one folder. */
export interface Place {
  readonly part: string;
  readonly path: string;
}

/** Makes the folder and takes away an older part. Whether the path is taken. */
export const prepareFile = async (agent: Agent, { part, path }: Place, waiting?: Waiting): Promise<boolean> =>
  (await change(agent, "file.prepare", { part, path }, fields({ taken: flag }), waiting)).taken;

/** Writes a piece, of 1 MiB at most; an empty one at offset 0 makes the file. */
export const writeFile = async (
  agent: Agent,
  { part, offset, data }: { readonly part: string; readonly offset: number; readonly data: Uint8Array },
  waiting?: Waiting,
): Promise<void> => {
  const args = { part, offset, data: Buffer.from(data).toString("base64") };
  await change(agent, "file.write", args, fields({ length: number }), waiting);
};

export interface Publication extends Place {
  /** Bytes that the part must have. */
  readonly length: number;
  /** Its digest, lower-case hexadecimal; without it only the length is checked. */
  readonly sha256?: string | undefined;
  /** What is at `path` is written over. Else it is `exists`. */
  readonly replace: boolean;
  /** A virtual disk gets an identifier of its own: for a copy of another one. */
  readonly newIdentifier: boolean;
}

/** Puts a part in its place in one step. A part with another length or digest is deleted: `failed` or `invalid`. */
export const publishFile = (agent: Agent, file: Publication, waiting?: Waiting): Promise<DiskView> => {
  const { part, path, length, sha256, replace, newIdentifier } = file;
  return work(agent, "file.publish", { part, path, length, sha256, replace, newIdentifier }, disk, waiting);
};

/** Copies a file on the host. `exists` when the path is taken; a failure leaves no file. */
export const copyFile = (
  agent: Agent,
  { source, path, newIdentifier }: { readonly source: string; readonly path: string; readonly newIdentifier: boolean },
  waiting?: Waiting,
): Promise<DiskView> => work(agent, "file.copy", { source, path, newIdentifier }, disk, waiting);

/** SHA-256, lower-case hexadecimal. Reads the whole file. */
export const hashFile = async (agent: Agent, path: string, waiting?: Waiting): Promise<string> =>
  (await work(agent, "file.hash", { path }, fields({ sha256: text }), waiting)).sha256;

/** Deletes exactly this file, which is no disk of anybody; whether it was there. */
export const removeFile = async (agent: Agent, path: string, waiting?: Waiting): Promise<boolean> =>
  (await change(agent, "file.remove", { path }, fields({ removed: flag }), waiting)).removed;
