import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { identify, removeHost, waitFor } from "./host-folder.js";
import { systemPath } from "./requirements.js";

/** A running private libvirt host. */
export interface LibvirtHost {
  /** `qemu:///system?socket=…`, good from outside. */
  readonly uri: string;
  /** The read-write socket, seen from outside. */
  readonly socket: string;
  /** The host's own folder, under the same path inside and outside. */
  readonly root: string;
  /** An empty folder for pools and disk images that QEMU's user can reach, under the same path inside and outside. */
  readonly pools: string;
  /** The host's first process as seen from outside; `/proc/PID/ns/net` is its network. */
  readonly pid: number;
  /** Waits until libvirtd answers. @throws after `limit` milliseconds. */
  ready(limit?: number): Promise<void>;
  /** Runs a command inside the host and gives its standard output. @throws with its standard error when it fails. */
  exec(command: readonly string[]): Promise<string>;
  /** Runs `virsh` inside the host against the host's libvirtd. */
  virsh(...words: string[]): Promise<string>;
  /** Fetches a page from inside the host's network. @throws when there is no answer within `limit` milliseconds or not a 2xx one. */
  get(url: string, limit?: number): Promise<string>;
  /** Kills libvirtd alone with SIGKILL, as a crash would; guests and networks go on. */
  kill9(): Promise<void>;
  /** Ends libvirtd if it runs, starts it again and waits until it answers; guests go on. */
  restart(): Promise<void>;
  /** Ends everything of the host and deletes its folder. May be called twice. */
  stop(): Promise<void>;
}

/** Runs a program; `label` starts the message of its failure. */
const run = (label: string, program: string, words: readonly string[], limit = 120_000): Promise<string> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: systemPath(), LC_ALL: "C" };
    const options = { env, timeout: limit, killSignal: "SIGKILL" as const, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(program, [...words], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${label}: ${stderr.trim() || error.message}`));
    });
    child.stdin?.end();
  });

/** Run by Node inside the host's network but with the files of the outside, where Node is sure to be. */
const fetchScript = `
const [url, limit] = process.argv.slice(1);
fetch(url, { signal: AbortSignal.timeout(Number(limit)) })
  .then(async (r) => { if (!r.ok) throw new Error("status " + r.status); process.stdout.write(await r.text()); })
  .catch((e) => { console.error(e.cause?.message ?? e.message); process.exitCode = 1; });`;

/** Fetches a page from inside the network of a process. Limit in milliseconds. @throws when there is no answer or not a 2xx one. */
export const getFrom = (pid: number, url: string, limit = 10_000): Promise<string> => {
  const script = ["-e", fetchScript, url, String(limit)];
  const words = ["--target", String(pid), "--net", "--", process.execPath, ...script];
  return run(url, "nsenter", words, limit + 5_000);
};

const daemonPid = async (root: string): Promise<string | undefined> => {
  const text = await readFile(join(root, "run/libvirtd.pid"), "utf8").catch(() => "");
  return text.trim() === "" ? undefined : text.trim();
};

/** The handle of a host whose first process runs. */
export const hostOf = (root: string, pid: number): LibvirtHost => {
  const socket = join(root, "run/libvirt-sock");
  const into = ["--target", String(pid), "--mount", "--net", "--pid", "--wd=/"];
  const exec = (command: readonly string[], limit?: number) =>
    run(command.join(" "), "nsenter", [...into, "--", ...command], limit);
  const virsh = (...words: string[]) => exec(["virsh", "--connect", "qemu:///system", ...words]);
  const endDaemon = async (signal: string): Promise<void> => {
    const daemon = await daemonPid(root);
    if (daemon === undefined) return;
    const alive = () =>
      exec(["kill", "-0", daemon]).then(
        () => undefined,
        () => true as const,
      );
    await exec(["kill", `-${signal}`, daemon]).catch(() => undefined);
    await waitFor(alive, 20_000, () => `libvirtd of ${root} does not end`);
  };
  const ready = async (limit = 30_000): Promise<void> => {
    let last = "";
    const answer = async () => {
      if ((await identify(pid)) === undefined) throw new Error(`libvirtd of ${root} has ended`);
      return exec(["virsh", "--connect", "qemu:///system", "uri"], limit).catch((error: Error) => {
        last = error.message;
        return undefined;
      });
    };
    await waitFor(answer, limit, () => `libvirtd of ${root} does not answer: ${last}`);
  };
  return {
    uri: `qemu:///system?socket=${socket}`,
    socket,
    root,
    pools: join(root, "pools"),
    pid,
    ready,
    exec: (command) => exec(command),
    virsh,
    get: (url, limit) => getFrom(pid, url, limit),
    kill9: () => endDaemon("KILL"),
    restart: async () => {
      await endDaemon("TERM");
      await exec(["libvirtd", "-d", "-f", "/etc/libvirt/libvirtd.conf", "-p", "/run/libvirt/libvirtd.pid"]);
      await ready();
    },
    stop: () => removeHost(root),
  };
};
