import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** All private hosts of a machine live here. `/tmp` may be small or closed to QEMU's user; this folder is neither. */
export const hostsFolder = "/var/tmp/crossvisor-hosts";

/** Names one process for good: process ids are used again, start times (clock ticks since boot) tell them apart. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
}

/** `host.json` of a host folder. `owner` is the process whose end ends the host; a free host has none. */
export interface HostRecord {
  readonly bootId: string;
  readonly owner?: ProcessIdentity | undefined;
  readonly init?: ProcessIdentity | undefined;
}

/** The identity of a living process; undefined when there is none, or only its unreaped rest (a zombie). */
export const identify = async (pid: number): Promise<ProcessIdentity | undefined> => {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The command name may hold spaces and brackets; after its last bracket come state (field 3) ... start time (22).
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const started = fields?.[19];
  return fields === undefined || started === undefined || fields[0] === "Z" ? undefined : { pid, started };
};

const lives = async (process: ProcessIdentity | undefined): Promise<boolean> =>
  process !== undefined && (await identify(process.pid))?.started === process.started;

const currentBoot = async (): Promise<string> => (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();

/** Makes an empty host folder that any user may pass through (QEMU's user must reach disk images below it). */
export const createHostFolder = async (tied: boolean): Promise<string> => {
  await mkdir(hostsFolder, { recursive: true, mode: 0o711 });
  await chmod(hostsFolder, 0o711);
  const root = await mkdtemp(join(hostsFolder, "h"));
  await writeRecord(root, { bootId: await currentBoot(), owner: tied ? await identify(process.pid) : undefined });
  await chmod(root, 0o711);
  return root;
};

/** Replaces the record in one step, so that a sweep never reads half of it. */
export const writeRecord = async (root: string, record: HostRecord): Promise<void> => {
  await writeFile(join(root, "host.json.new"), JSON.stringify(record));
  await rename(join(root, "host.json.new"), join(root, "host.json"));
};

/** @throws when the folder holds no record. */
export const readRecord = async (root: string): Promise<HostRecord> =>
  JSON.parse(await readFile(join(root, "host.json"), "utf8")) as HostRecord;

/** Waits until `done` gives a value. @throws after `limit` milliseconds, with what `explain` says. */
export const waitFor = async <T>(
  done: () => Promise<T | undefined>,
  limit: number,
  explain: () => Promise<string> | string,
): Promise<T> => {
  const end = Date.now() + limit;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 200)) {
    const value = await done();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(await explain());
    await delay(pause);
  }
};

/** Kills a host's first process, and with it all others of the host, then deletes its folder. Harmless when repeated. */
export const removeHost = async (root: string): Promise<void> => {
  const record = await readRecord(root).catch(() => undefined);
  const init = record?.init ?? (await initOf(root));
  if (record?.bootId === (await currentBoot()) && init !== undefined && (await lives(init))) {
    process.kill(init.pid, "SIGKILL");
    const gone = async () => ((await lives(init)) ? undefined : true);
    await waitFor(gone, 20_000, () => `process ${init.pid} of the host in ${root} does not end`);
  }
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
  await rmdir(hostsFolder).catch(() => undefined);
};

/** The first process of a host, from the file it writes itself; undefined before it has done so or after its end. */
export const initOf = async (root: string): Promise<ProcessIdentity | undefined> => {
  const text = await readFile(join(root, "init.pid"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : identify(Number(text));
};

/** A folder without a record is one being made, unless it is older than this. */
const bareFolderAge = 60_000;

const isStale = async (root: string, boot: string): Promise<boolean> => {
  const record = await readRecord(root).catch(() => undefined);
  if (record === undefined) {
    const made = await stat(root).catch(() => undefined);
    return made !== undefined && Date.now() - made.mtimeMs > bareFolderAge;
  }
  if (record.bootId !== boot) return true;
  if (record.owner !== undefined) return !(await lives(record.owner));
  return record.init !== undefined && !(await lives(record.init));
};

/** Removes what crashed runs left: hosts whose owner is gone, and folders from before the last boot. Gives their folders. */
export const sweepHosts = async (): Promise<readonly string[]> => {
  const boot = await currentBoot();
  const names = await readdir(hostsFolder).catch(() => []);
  const stale: string[] = [];
  for (const name of names) {
    const root = join(hostsFolder, name);
    if (await isStale(root, boot)) stale.push(root);
  }
  for (const root of stale) await removeHost(root);
  return stale;
};
