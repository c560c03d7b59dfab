import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, copyFile, cp, mkdir, open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createHostFolder,
  hostsFolder,
  identify,
  initOf,
  readRecord,
  removeHost,
  sweepHosts,
  waitFor,
  writeRecord,
} from "./host-folder.js";
import { hostOf, type LibvirtHost } from "./libvirt-host.js";
import { systemPath } from "./requirements.js";

export type { LibvirtHost } from "./libvirt-host.js";
export { requirements } from "./requirements.js";

export interface LibvirtdOptions {
  /** Further lines of `libvirtd.conf`, for instance `max_client_requests = 2`. They win over the ones given here. */
  readonly libvirtdConf?: readonly string[];
  /** Further lines of `qemu.conf`. */
  readonly qemuConf?: readonly string[];
  /** Gives the host `/dev/kvm`. Default: no, since a device that is there but unusable slows each start to a minute. */
  readonly kvm?: boolean;
  /** libvirtd listens on the TCP ports that `libvirtdConf` asks for, inside the host's own network. */
  readonly listen?: boolean;
  /** The host outlives this process (`openLibvirtd` finds it again). Default: it ends with this process, however that ends. */
  readonly free?: boolean;
}

/** How long libvirtd may take to answer for the first time, in milliseconds. */
const startLimit = 60_000;

const defaults = {
  libvirtd: [
    'auth_unix_ro = "none"',
    'auth_unix_rw = "none"',
    'unix_sock_group = "root"',
    'unix_sock_rw_perms = "0770"',
    'log_outputs = "3:file:/var/log/libvirt/libvirtd.log"',
  ],
  // QEMU writes its log itself, so that no virtlogd is needed.
  qemu: ['stdio_handler = "file"'],
};

/** A later line with the same key takes the place of an earlier one: libvirt refuses doubles in some versions. */
const configuration = (lines: readonly string[]): string => {
  const byKey = new Map(lines.map((line) => [line.split("=")[0]?.trim() ?? line, line]));
  return `${[...byKey.values()].join("\n")}\n`;
};

/** Copies mode and owner of a public folder to its private stand-in; nothing happens when there is no public one. */
const likePublic = async (path: string, publicPath: string): Promise<void> => {
  const model = await stat(publicPath).catch(() => undefined);
  if (model === undefined) return;
  await chmod(path, model.mode & 0o7777);
  await chown(path, model.uid, model.gid);
};

/** Fills a host folder. The host starts without networks, pools and domains, with the packaged settings and filters. */
const furnish = async (root: string, options: LibvirtdOptions): Promise<void> => {
  const folders = ["run", "etc/nwfilter", "etc/qemu/networks", "lib/images", "lib/boot", "cache/qemu", "log/qemu"];
  const more = ["swtpm-ca", "swtpm-log", "apparmor", "pools"];
  for (const folder of [...folders, ...more]) await mkdir(join(root, folder), { recursive: true });
  for (const folder of ["lib/images", "lib/boot", "cache", "cache/qemu", "pools"])
    await chmod(join(root, folder), 0o711);
  for (const name of await readdir("/etc/libvirt")) {
    if (name.endsWith(".conf")) await copyFile(join("/etc/libvirt", name), join(root, "etc", name));
  }
  await cp("/etc/libvirt/nwfilter", join(root, "etc/nwfilter"), { recursive: true }).catch(() => undefined);
  await cp("/etc/apparmor.d/libvirt", join(root, "apparmor"), { recursive: true }).catch(() => undefined);
  await likePublic(join(root, "swtpm-ca"), "/var/lib/swtpm-localca");
  await likePublic(join(root, "swtpm-log"), "/var/log/swtpm");
  const { libvirtd, qemu } = defaults;
  await writeFile(join(root, "etc/libvirtd.conf"), configuration([...libvirtd, ...(options.libvirtdConf ?? [])]));
  await writeFile(join(root, "etc/qemu.conf"), configuration([...qemu, ...(options.qemuConf ?? [])]));
};

const tail = async (path: string): Promise<string> => (await readFile(path, "utf8").catch(() => "")).slice(-1500);

const explain = async (root: string): Promise<string> => {
  const logs = ["init.out", "libvirtd.out", "log/libvirtd.log"];
  const texts = await Promise.all(logs.map(async (name) => `--- ${name}\n${await tail(join(root, name))}`));
  return `${root}\n${texts.join("\n")}`;
};

/** Starts the first process of the host: see `host-init.sh` for what it does. */
const launch = async (root: string, options: LibvirtdOptions): Promise<ChildProcess> => {
  const script = join(__dirname, "host-init.sh");
  const output = await open(join(root, "init.out"), "w");
  const flags = ["--mount", "--net", "--pid", "--fork", "--kill-child=SIGKILL"];
  const life = options.free === true ? "free" : "tied";
  const child = spawn(
    "unshare",
    [
      ...flags,
      "bash",
      script,
      root,
      life,
      options.kvm === true ? "yes" : "no",
      options.listen === true ? "--listen" : "",
    ],
    {
      stdio: [options.free === true ? "ignore" : "pipe", output.fd, output.fd],
      detached: true,
      env: { PATH: systemPath(), LC_ALL: "C" },
    },
  );
  const spawned = once(child, "spawn");
  child.unref();
  await output.close();
  await spawned;
  return child;
};

/**
 * Starts a privileged libvirtd of its own: own network, processes, mounts, configuration and state; reachable from
 * outside through its socket. First removes hosts that crashed runs left. Needs root and what `requirements` lists.
 *
 * @throws with the tail of the logs when it does not answer in time; nothing is left then.
 */
export const startLibvirtd = async (options: LibvirtdOptions = {}): Promise<LibvirtHost> => {
  await sweepHosts();
  const root = await createHostFolder(options.free !== true);
  try {
    await furnish(root, options);
    const child = await launch(root, options);
    const begun = async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error("the host's first process has ended");
      return initOf(root);
    };
    const init = await waitFor(begun, startLimit, () => "the host's first process does not begin");
    await writeRecord(root, { ...(await readRecord(root)), init });
    const host = hostOf(root, init.pid);
    await host.ready(startLimit);
    return host;
  } catch (error) {
    const reason = await explain(root);
    await removeHost(root);
    throw new Error(`${error instanceof Error ? error.message : error}\n${reason}`, { cause: error });
  }
};

/** A host that was started before, by this or another process. @throws when it does not run any more. */
export const openLibvirtd = async (root: string): Promise<LibvirtHost> => {
  const init = root.startsWith(`${hostsFolder}/`) ? await initOf(root) : undefined;
  if (init === undefined || (await identify(init.pid)) === undefined)
    throw new Error(`no libvirt host runs in ${root}`);
  return hostOf(root, init.pid);
};
