import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

const binary = "/usr/sbin/sshd";

/** Why no sshd can be started here, or undefined when one can. */
export const sshdMissing: string | undefined = existsSync(binary)
  ? undefined
  : `no ${binary} on this machine (package openssh-server)`;

/** The name of a test group that needs sshd; a group that is skipped tells the reason. */
export const withSshd = (name: string, missing = sshdMissing): string =>
  missing === undefined ? name : `${name} (skipped: ${missing})`;

export interface SshdOptions {
  /** Lines of sshd_config that stand before, and so win over, the defaults here. */
  readonly config?: readonly string[];
  /** Types of host keys to make. Default: ed25519. */
  readonly hostKeys?: readonly ("ed25519" | "ecdsa" | "rsa")[];
  /** The first host key gets a certificate of this authority (a private key's path), for these principals. */
  readonly certificate?: { readonly authority: string; readonly principals: string; readonly validity?: string };
  /** Path of a private key (its .pub beside it) that may log in. Default: a new one. */
  readonly clientKey?: string;
  /**
   * Lets the user log in with this password too. See `accountsMissing`: the server gets password files of its own in a
   * mount namespace, those of the machine are not touched.
   */
  readonly password?: string;
  /** The password is asked for by keyboard-interactive (PAM), in place of the method `password`. */
  readonly keyboardInteractive?: boolean;
  /** Adds an unprivileged user of this name, with the same password and key. See `accountsMissing`. */
  readonly guest?: string;
}

/** A private sshd on 127.0.0.1. */
export interface Sshd {
  readonly port: number;
  readonly user: string;
  /** Temporary directory with keys, configuration and authorized_keys; removed by `stop`. */
  readonly dir: string;
  /** The known_hosts text for this server, a line for each host key. */
  readonly hostKeyLine: string;
  /** Private key that may log in. */
  readonly clientKeyPath: string;
  /** What the server has logged so far. */
  log(): string;
  /** Cuts every connection, without a goodbye; new ones are taken. */
  cut(): void;
  /** Every connection stays and is silent for ever; new ones are taken. */
  freeze(): void;
  stop(): Promise<void>;
}

/** Makes a key pair without passphrase unless one is given, and returns the path of the private one. */
export function makeKey(path: string, type = "ed25519", passphrase = ""): string {
  execFileSync("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-C", "crossvisor-test", "-f", path]);
  return path;
}

/** Starts an sshd of one's own: own port, own keys, no PAM, key login only. It ends with the test process, even if killed. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), "crossvisor-sshd-"));
  const types = options.hostKeys ?? ["ed25519"];
  const hostKeys = types.map((type) => makeKey(join(dir, `host_${type}`), type));
  const clientKeyPath = options.clientKey ?? makeKey(join(dir, "client"));
  writeFileSync(join(dir, "authorized_keys"), readFileSync(`${clientKeyPath}.pub`));
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const certificate = hostCertificate(hostKeys[0]!, options.certificate);
  const port = await freePort();
  const asks = options.keyboardInteractive === true;
  const config = [
    ...(options.config ?? []),
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    ...hostKeys.map((key) => `HostKey ${key}`),
    ...certificate,
    `PidFile ${dir}/sshd.pid`,
    `AuthorizedKeysFile ${dir}/authorized_keys`,
    "StrictModes no",
    `UsePAM ${asks ? "yes" : "no"}`,
    `PasswordAuthentication ${options.password === undefined || asks ? "no" : "yes"}`,
    `KbdInteractiveAuthentication ${asks ? "yes" : "no"}`,
    "PermitRootLogin yes",
    "LogLevel VERBOSE",
  ];
  writeFileSync(join(dir, "sshd_config"), `${config.join("\n")}\n`);
  // sshd reads authorized_keys as the user who logs in.
  if (options.guest !== undefined) chmodSync(dir, 0o755);
  const server = await launch(dir, options);
  const master = () => Number(readFileSync(join(dir, "sshd.pid"), "utf8"));
  const publicKeys = hostKeys.map((key) => readFileSync(`${key}.pub`, "utf8").split(" ").slice(0, 2).join(" "));
  return {
    port,
    user: userInfo().username,
    dir,
    hostKeyLine: publicKeys.map((key) => `[127.0.0.1]:${port} ${key}\n`).join(""),
    clientKeyPath,
    cut: () => signalDescendants(master(), "SIGKILL"),
    freeze: () => signalDescendants(master(), "SIGSTOP"),
    ...server,
  };
}

function hostCertificate(key: string, wanted: SshdOptions["certificate"]): string[] {
  if (wanted === undefined) return [];
  const { authority, principals, validity = "-1d:+1d" } = wanted;
  signKey(authority, `${key}.pub`, ["-h", "-n", principals, "-V", validity]);
  return [`HostCertificate ${key}-cert.pub`];
}

/** Makes a certificate beside a public key. */
export function signKey(authority: string, publicKey: string, words: readonly string[]): void {
  execFileSync("ssh-keygen", ["-q", "-s", authority, "-I", "crossvisor-test", ...words, publicKey]);
}

/** The server hangs on a pipe to this process: when the pipe closes, for whatever reason, it is ended and tidied up. */
async function launch(dir: string, options: SshdOptions): Promise<Pick<Sshd, "log" | "stop">> {
  const guard = `${binary} -D -e -f "$1/sshd_config" & server=$!; cat >&2; kill $server; wait $server; rm -rf "$1"`;
  let command = ["sh", "-c", guard, "sh", dir];
  if (options.password !== undefined || options.guest !== undefined) {
    writeAccounts(dir, options);
    const mount =
      'for f in passwd shadow pam.d/sshd; do mount --bind "$1/$(basename $f)" /etc/$f || exit 1; done; exec sh -c "$2" sh "$1"';
    command = ["unshare", "--mount", "sh", "-c", mount, "sh", dir, guard];
  }
  const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "ignore", "pipe"] });
  let log = "";
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (chunk) => {
      log += chunk;
      if (log.includes("Server listening on")) resolve();
    });
    ended.then(() => reject(new Error(`sshd did not start: ${log}`)));
  });
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  return { log: () => log, stop };
}

/** Sends a signal to the processes below one process, but not to that one. */
function signalDescendants(root: number, signal: NodeJS.Signals): void {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const below = (pid: number): number[] =>
    [...parents].filter(([, parent]) => parent === pid).flatMap(([child]) => [...below(child), child]);
  for (const pid of below(root)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

function writeAccounts(dir: string, { password, guest }: SshdOptions): void {
  const user = userInfo().username;
  const hash =
    password === undefined ? "*" : execFileSync("openssl", ["passwd", "-6", password], { encoding: "utf8" }).trim();
  const names = guest === undefined ? [user] : [user, guest];
  writeFileSync(join(dir, "shadow"), names.map((name) => `${name}:${hash}:19000:0:99999:7:::\n`).join(""), {
    mode: 0o600,
  });
  writeFileSync(
    join(dir, "sshd"),
    "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n",
  );
  const added = guest === undefined ? "" : `${guest}:x:60001:60001::/:/bin/sh\n`;
  writeFileSync(join(dir, "passwd"), readFileSync("/etc/passwd", "utf8") + added);
}

/** A port of 127.0.0.1 nobody listens on. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });

/** Whether this machine lets a private sshd have accounts of its own (root, mount namespaces, openssl). */
const ownAccounts = (): boolean => {
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "ignore" });
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
};

/** Why no sshd with accounts of its own can be started here, or undefined when one can. */
export const accountsMissing: string | undefined =
  sshdMissing ?? (ownAccounts() ? undefined : "needs root, mount namespaces and openssl");
