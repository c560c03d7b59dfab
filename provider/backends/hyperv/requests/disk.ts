import type { Agent } from "../agent/agent.js";
import { fields, flag, optional, text } from "../decode.js";
import { type DiskView, disk } from "../view.js";
import { change, read, type Waiting, work } from "./ask.js";

export interface NewDisk {
  readonly path: string;
  /** Bytes; may be left out with a parent. */
  readonly size?: number | undefined;
  readonly type: "Fixed" | "Dynamic" | "Differencing";
  /** Path of the disk under a `Differencing` one. */
  readonly parent?: string | undefined;
  /** Bytes; 1 MiB is best for Linux guests. A `Differencing` one has that of its parent. */
  readonly blockSize?: number | undefined;
}

export const getDisk = (agent: Agent, path: string, waiting?: Waiting): Promise<DiskView> =>
  read(agent, "vhd.get", { path }, disk, waiting);

/** `exists` when the path is taken. A failure leaves no file. */
export const createDisk = (agent: Agent, { path, size, type, parent, blockSize }: NewDisk, waiting?: Waiting) =>
  work(agent, "vhd.create", { path, size, type, parent, blockSize }, disk, waiting);

/** `size` in bytes. `invalid` when it is smaller than the disk; the same size changes nothing. */
export const growDisk = (agent: Agent, path: string, size: number, waiting?: Waiting): Promise<DiskView> =>
  work(agent, "vhd.resize", { path, size }, disk, waiting);

/** Lets a growing disk that nobody uses take the room of its whole size. A failure leaves it as it was. */
export const fixDisk = (agent: Agent, path: string, waiting?: Waiting): Promise<DiskView> =>
  work(agent, "vhd.fix", { path }, disk, waiting);

/**
 * Deletes exactly this file, and the mark that says whose it is; whether it was there. `busy` when a machine, a checkpoint
 * or another disk needs it: those are looked for on all machines, beside the file and in `folders`.
 */
export const removeDisk = async (agent: Agent, path: string, folders: readonly string[], waiting?: Waiting) =>
  (await change(agent, "vhd.remove", { path, folders }, fields({ removed: flag }), waiting)).removed;

const uses = fields({
  /** Name of a machine that has it as a disk or CD, now or in a checkpoint. */
  machine: optional(text),
  /** Path of a disk that lies over it. */
  child: optional(text),
});

/** Who needs a file. Looks as `removeDisk` does. */
export const diskUses = (agent: Agent, path: string, folders: readonly string[], waiting?: Waiting) =>
  read(agent, "vhd.uses", { path, folders }, uses, waiting);
