import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

const binary = "/usr/sbin/sshd";

/** Why no sshd can be started here, or undefined when one can. */
export const sshdMissing: string | undefined = existsSync(binary)
  ? undefined
  : `no ${binary} on this machine (package openssh-server)`;

/** The name of a test group that needs sshd; a skipped one tells the reason. */
export const withSshd = (name: string): string =>
  sshdMissing === undefined ? name : `${name} (skipped: ${sshdMissing})`;

export interface SshdOptions {
  /** Lines of sshd_config that stand before, and so win over, the defaults here. */
  readonly config?: readonly string[];
  /** Types of host keys to make. Default: ed25519. */
  readonly hostKeys?: readonly ("ed25519" | "ecdsa" | "rsa")[];
  /** Another sshd whose client key may log in here too, in place of an own one. */
  readonly like?: Sshd;
  /** Lets the user log in with this password too; needs root and mount namespaces (the machine's own file is not touched). */
  readonly password?: string;
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
  const clientKeyPath = options.like?.clientKeyPath ?? makeKey(join(dir, "client"));
  writeFileSync(join(dir, "authorized_keys"), readFileSync(`${clientKeyPath}.pub`));
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const port = await freePort();
  const config = [
    ...(options.config ?? []),
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    ...hostKeys.map((key) => `HostKey ${key}`),
    "PidFile none",
    `AuthorizedKeysFile ${dir}/authorized_keys`,
    "StrictModes no",
    "UsePAM no",
    `PasswordAuthentication ${options.password === undefined ? "no" : "yes"}`,
    "KbdInteractiveAuthentication no",
    "PermitRootLogin yes",
    "LogLevel VERBOSE",
  ];
  writeFileSync(join(dir, "sshd_config"), `${config.join("\n")}\n`);
  const server = await launch(dir, options.password);
  const publicKeys = hostKeys.map((key) => readFileSync(`${key}.pub`, "utf8").split(" ").slice(0, 2).join(" "));
  return {
    port,
    user: userInfo().username,
    dir,
    hostKeyLine: publicKeys.map((key) => `[127.0.0.1]:${port} ${key}\n`).join(""),
    clientKeyPath,
    ...server,
  };
}

/** The server hangs on a pipe to this process: when the pipe closes, for whatever reason, it is ended and tidied up. */
async function launch(dir: string, password: string | undefined): Promise<Pick<Sshd, "log" | "stop">> {
  const guard = `${binary} -D -e -f "$1/sshd_config" & server=$!; cat >&2; kill $server; wait $server; rm -rf "$1"`;
  let command = ["sh", "-c", guard, "sh", dir];
  if (password !== undefined) {
    const hash = execFileSync("openssl", ["passwd", "-6", password], { encoding: "utf8" }).trim();
    writeFileSync(join(dir, "shadow"), `${userInfo().username}:${hash}:19000:0:99999:7:::\n`, { mode: 0o600 });
    const mount = 'mount --bind "$1/shadow" /etc/shadow && exec sh -c "$2" sh "$1"';
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

/** Whether this machine lets us give a private sshd its own password file. */
export const passwordsPossible = (): boolean => {
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "ignore" });
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
};
