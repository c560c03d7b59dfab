import type { Agent } from "../agent/agent.js";
import { fields, flag } from "../decode.js";
import { type PoolView, pool } from "../view.js";
import { change, read, type Waiting } from "./ask.js";

/** A folder that holds disks. `invalid` when the path is a file. */
export const getFolder = (agent: Agent, path: string, waiting?: Waiting): Promise<PoolView> =>
  read(agent, "pool.get", { path }, pool, waiting);

/** Makes the folder where it is missing, marks it, and puts it on the host's list of pools. */
export const createFolder = (agent: Agent, path: string, mark: string, waiting?: Waiting): Promise<PoolView> =>
  change(agent, "pool.create", { path, mark }, pool, waiting);

/** Takes it from the list; with `folder` also the folder, which must hold nothing then (`failed`). Whether it was there. */
export const removeFolder = async (agent: Agent, path: string, options: { folder: boolean }, waiting?: Waiting) =>
  (await change(agent, "pool.remove", { path, folder: options.folder }, fields({ removed: flag }), waiting)).removed;

/** Says whose the file at a path is, or will be. */
export const setFileMark = async (agent: Agent, path: string, mark: string, waiting?: Waiting): Promise<void> => {
  await change(agent, "file.mark", { path, mark }, fields({}), waiting);
};

/** Takes the mark of a file away, if it has one. */
export const clearFileMark = async (agent: Agent, path: string, waiting?: Waiting): Promise<void> => {
  await change(agent, "file.mark", { path, mark: undefined }, fields({}), waiting);
};
