import { randomUUID } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Sshd, startSshd } from "../../ssh/sshd.js";
import { createHostFolder, removeHost, sweepHosts } from "../host-folder.js";
import { getFrom } from "../libvirt-host.js";
import { systemPath } from "../requirements.js";
import { startBoot } from "./boot.js";
import { type Engine, powershell } from "./engine.js";
import { manifestText, moduleTexts, simulatorText } from "./modules.js";
import { defaults, type Fault, type Settings, settingsText, type Times } from "./settings.js";

export { hypervMissing, powershell, withHyperv } from "./engine.js";
export type { Fault, FaultError, Settings, Times } from "./settings.js";

/** What a host is to be like; what is left out is as in `defaults`. */
export interface HypervOptions extends Partial<Omit<Settings, "times">> {
  readonly times?: Partial<Times>;
  /** Whether the server offers sftp. Default: yes. */
  readonly sftp?: boolean;
}

/** One call of a command on the host. */
export interface JournalEntry {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly pid: number;
  readonly command: string;
  /** What was bound, as text; machines, switches and drives by their name. */
  readonly parameters: Readonly<Record<string, readonly string[]>>;
  /** `ok`, or the first part of the error's id. */
  readonly result: string;
}

/** A running host that answers over SSH as a Windows Server with Hyper-V does. */
export interface HypervHost {
  /** 127.0.0.1. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** Path of the private key that may log in. */
  readonly keyPath: string;
  /** Text of the private key that may log in. */
  readonly privateKey: string;
  /** Text of known_hosts. */
  readonly knownHosts: string;
  /** The host's folder on this machine: `C` in it is its drive C:. */
  readonly root: string;
  /** Where a Windows path lies on this machine, if its letters have the right case. */
  path(windows: string): string;
  /** All calls so far, in the order in which they ended. */
  journal(): Promise<readonly JournalEntry[]>;
  /** Changes what the host is like, from the next call on; times one by one. */
  set(changes: Partial<Omit<Settings, "times">> & { readonly times?: Partial<Times> }): Promise<void>;
  /** What goes wrong from now on, in place of what was said before. */
  faults(faults: readonly Fault[]): Promise<void>;
  /** How many calls one of the present faults has let pass or hit, by its place among them. */
  met(fault: number): Promise<number>;
  /** Takes away all that was made: machines, disks, switches, files. Nobody may be at work on the host. */
  reset(): Promise<void>;
  /** Fetches a page from inside the network of a host that boots guests. @throws without an answer within 10 seconds. */
  get(url: string): Promise<string>;
  /** Cuts all connections without a goodbye. */
  cut(): void;
  /** What the SSH server has logged. */
  log(): string;
  /** Ends all of it and deletes its folder. May be called twice. */
  close(): Promise<void>;
}

const home = "C/Users/Administrator";
const modulesFolder = "C/Windows/System32/WindowsPowerShell/v1.0/Modules";

const put = async (path: string, text: string, mode = 0o644): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  await chmod(path, mode);
};

/** Programs of Windows that scripts call. */
const programs = (engine: Engine): Readonly<Record<string, string>> => ({
  "WindowsPowerShell/v1.0/powershell.exe": `exec "${engine.path}" "$@"`,
  // Takes the mark of a sparse file away: `fsutil sparse setflag FILE 0`.
  "fsutil.exe": `case "$1 $2 $4" in
  "sparse setflag 0"|"Sparse SetFlag 0")
    name=$(printf %s "$3" | tr 'A-Z\\\\' 'a-z!')
    : >"$CROSSVISOR_SIM_ROOT/.sim/dense-$name" ;;
  *) echo "fsutil: $* is not simulated" >&2; exit 1 ;;
esac`,
});

const furnishModules = async (root: string, settings: Settings): Promise<void> => {
  await put(join(root, ".sim/simulator.psm1"), simulatorText());
  const absent = new Set(settings.module === "absent" ? ["Hyper-V"] : []);
  if (settings.sku === "client") absent.add("ServerManager");
  if (!settings.features.includes("DHCP")) absent.add("DhcpServer");
  for (const [name, text] of moduleTexts(settings.version)) {
    if (absent.has(name)) continue;
    const folder = join(root, modulesFolder, name, "2.0.0.0");
    await put(join(folder, `${name}.psm1`), text);
    await put(join(folder, `${name}.psd1`), manifestText(name, text));
  }
};

const firstState = ({ adapters }: Settings): string => {
  const record = (key: string, value: unknown): string => `${key}\t${JSON.stringify(value)}\n`;
  const lines = adapters.map((name, i) =>
    record(`adapter/${name}`, {
      name,
      description: `Intel(R) Ethernet Connection X722${i === 0 ? "" : ` #${i + 1}`}`,
      index: 4 + i,
      guid: randomUUID().toUpperCase(),
      mac: `3CECEF00000${1 + i}`,
    }),
  );
  const address = { interface: 4, address: "203.0.113.10", prefix: 24 };
  return `${randomUUID()}\n${lines.join("")}${record("address/4/203.0.113.10", address)}`;
};

const machines = "C/ProgramData/Microsoft/Windows/Hyper-V";
const disks = "C/Users/Public/Documents/Hyper-V/Virtual Hard Disks";

/** Nothing is made yet. */
const empty = async (root: string, settings: Settings): Promise<void> => {
  const system = new Set(["Windows", "Users", "ProgramData"]);
  const own = (await readdir(join(root, "C"))).filter((name) => !system.has(name));
  for (const folder of [...own.map((name) => join("C", name)), "C/ProgramData", disks])
    await rm(join(root, folder), { recursive: true, force: true });
  for (const folder of [machines, disks]) await mkdir(join(root, folder), { recursive: true });
  await put(join(root, ".sim/state.new"), firstState(settings));
  await rename(join(root, ".sim/state.new"), join(root, ".sim/state.log"));
};

/** What every session's processes find in their environment. */
const environment = (root: string, engine: Engine, settings: Settings): Readonly<Record<string, string>> => ({
  CROSSVISOR_SIM_ROOT: root,
  LD_PRELOAD: engine.windows.library,
  DOTNET_STARTUP_HOOKS: engine.windows.hook,
  DOTNET_TieredPGO: "0",
  HOME: join(root, home),
  USERNAME: "Administrator",
  USERPROFILE: "C:\\Users\\Administrator",
  COMPUTERNAME: settings.computerName,
  SystemRoot: "C:\\Windows",
  windir: "C:\\Windows",
  ProgramData: "C:\\ProgramData",
  TEMP: "C:\\Users\\Administrator\\AppData\\Local\\Temp",
  TMP: "C:\\Users\\Administrator\\AppData\\Local\\Temp",
  PATH: `${join(root, "C/Windows/System32")}:${join(root, "C/Windows/System32/WindowsPowerShell/v1.0")}:${systemPath()}`,
  PSModulePath: join(root, modulesFolder),
});

const furnish = async (root: string, engine: Engine, settings: Settings): Promise<void> => {
  const folders = [`${home}/AppData/Local/Temp`, "C/Windows/Temp", ".sim/journal"];
  for (const folder of folders) await mkdir(join(root, folder), { recursive: true });
  await furnishModules(root, settings);
  await empty(root, settings);
  for (const [name, text] of Object.entries(programs(engine)))
    await put(join(root, "C/Windows/System32", name), `#!/bin/sh\n${text}\n`, 0o755);
  await put(join(root, ".sim/locks.txt"), "");
  const node = [process.execPath, "--experimental-strip-types", "--no-warnings"];
  const shell = {
    engine: engine.path,
    environment: environment(root, engine, settings),
    home: join(root, home),
    sftp: [...node, join(__dirname, "sftp.ts"), "/C:/Users/Administrator", "/usr/lib/openssh/sftp-server"],
  };
  await put(join(root, ".sim/shell.json"), JSON.stringify(shell));
  const words = [...node, join(__dirname, "shell.ts"), root].map((one) => `'${one}'`);
  await put(join(root, ".sim/shell"), `#!/bin/sh\nexec ${words.join(" ")}\n`, 0o755);
};

const merged = (settings: Settings, changes: HypervOptions): Settings => {
  const { sftp: _, times, ...rest } = changes;
  return { ...settings, ...rest, times: { ...settings.times, ...times } };
};

/** Connections that the host itself cuts, when its network changes: the module asks for it with a file. */
const watchCuts = (root: string, server: Sshd): (() => void) => {
  const file = join(root, ".sim/cut");
  const timer = setInterval(async () => {
    const asked = await rm(file).then(
      () => true,
      () => false,
    );
    if (asked) server.cut();
  }, 20);
  timer.unref();
  return () => clearInterval(timer);
};

/**
 * Starts a host of one's own in a folder of its own. It ends with this process, however that ends; what a crash leaves is
 * swept by the next start. Needs what `hypervMissing` tells.
 *
 * @throws when there is no engine, or sshd does not start; nothing is left then.
 */
export const openHypervHost = async (options: HypervOptions = {}): Promise<HypervHost> => {
  const engine = powershell();
  if (typeof engine === "string") throw new Error(`a Hyper-V host ${engine}`);
  await sweepHosts();
  const root = await createHostFolder(true);
  try {
    let settings = merged(defaults, options);
    let told = 0;
    const set = async (changes: HypervOptions): Promise<void> => {
      settings = merged(settings, changes);
      if (changes.faults !== undefined) told += 1000;
      await writeFile(join(root, ".sim/settings.new"), settingsText(settings, told));
      await rename(join(root, ".sim/settings.new"), join(root, ".sim/settings.json"));
    };
    await furnish(root, engine, settings);
    await set({});
    const service = settings.boot ? await startBoot(root) : undefined;
    const subsystem = options.sftp === false ? [] : ["Subsystem sftp crossvisor-sftp"];
    const server = await startSshd({ config: [`ForceCommand ${root}/.sim/shell`, ...subsystem] });
    const unwatch = watchCuts(root, server);
    return {
      ...access(server, await readFile(server.clientKeyPath, "utf8")),
      root,
      path: (windows) => join(root, windows.replace(/^([a-z]):/i, "$1").replace(/\\/g, "/")),
      journal: () => readJournal(root),
      set,
      faults: (faults) => set({ faults }),
      met: async (fault) => Number(await readFile(join(root, `.sim/fault-${told + fault}`), "utf8").catch(() => "0")),
      reset: () => empty(root, settings),
      get: async (url) => {
        if (service === undefined) throw new Error("this host boots no guests");
        return getFrom(service, url);
      },
      close: async () => {
        unwatch();
        server.cut();
        await server.stop();
        await removeHost(root);
      },
    };
  } catch (error) {
    await removeHost(root);
    throw error;
  }
};

const access = (server: Sshd, privateKey: string) => ({
  address: "127.0.0.1",
  port: server.port,
  user: server.user,
  keyPath: server.clientKeyPath,
  privateKey,
  knownHosts: server.hostKeyLine,
  cut: server.cut,
  log: server.log,
});

/** The sessions' journals as one. */
const readJournal = async (root: string): Promise<readonly JournalEntry[]> => {
  const folder = join(root, ".sim/journal");
  const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")));
  const whole = texts
    .flatMap((text) => text.slice(0, text.lastIndexOf("\n") + 1).split("\n"))
    .filter((line) => line !== "");
  return whole.map((line) => JSON.parse(line) as JournalEntry).sort((a, b) => a.time - b.time);
};
