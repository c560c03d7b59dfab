import type { Agent } from "../agent/agent.js";
import { type Decoded, fields, flag, list, number, optional, text } from "../decode.js";
import { disk } from "../view.js";
import { change, read, type Waiting } from "./ask.js";

const folder = fields({
  path: text,
  exists: flag,
  /** Text of the mark that says whose it is. */
  mark: optional(text),
  /** Bytes of the drive, and free ones; unknown on a share. */
  capacity: optional(number),
  available: optional(number),
  disks: list(disk),
});
export type Folder = Decoded<typeof folder>;

/** A folder that holds disks. `invalid` when the path is a file. */
export const getFolder = (agent: Agent, path: string, waiting?: Waiting): Promise<Folder> =>
  read(agent, "pool.get", { path }, folder, waiting);

/** Makes the folder where it is missing, and writes its mark where one is given. */
export const createFolder = (agent: Agent, path: string, mark: string | undefined, waiting?: Waiting) =>
  change(agent, "pool.create", { path, mark }, folder, waiting);

/** Takes the mark away; with `folder` also the folder, which must be empty then (`failed`). Whether it was there. */
export const removeFolder = async (agent: Agent, path: string, options: { folder: boolean }, waiting?: Waiting) =>
  (await change(agent, "pool.remove", { path, folder: options.folder }, fields({ removed: flag }), waiting)).removed;
