import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ProviderError } from "../core/errors.js";
import type { SshOptions } from "./ssh-options.js";

/** What `ssh` is started with, and what has to go away afterwards. */
export interface OpensshSetting {
  readonly words: readonly string[];
  close(): Promise<void>;
}

/**
 * The words of the command line. Known hosts that are text become a file in a folder of this process only. A private
 * key never does: it is handed to an agent of our own, as are keys that need the passphrase.
 *
 * Throws `unsupported` for a password (ssh takes it from a terminal only), `invalid` for a key that does not open.
 */
export async function opensshSetting(options: SshOptions): Promise<OpensshSetting> {
  if (options.password !== undefined)
    throw new ProviderError("unsupported", "the machine's own ssh takes no password here", {
      hint: "Use a key, or set crossvisor:sshClient to built-in.",
    });
  const folder = await mkdtemp(join(tmpdir(), "crossvisor-ssh-"));
  let agent: ChildProcess | undefined;
  const close = async (): Promise<void> => {
    agent?.kill();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const needsAgent = options.privateKey !== undefined || options.passphrase !== undefined;
    const socket = join(folder, "agent");
    if (needsAgent) {
      agent = await startAgent(socket);
      await fillAgent(socket, folder, options);
    }
    const hosts = await knownHosts(options.knownHosts, folder);
    return { words: wordsOf(options, hosts, needsAgent ? socket : options.agent), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function wordsOf(options: SshOptions, hosts: string | undefined, agent: string | undefined): string[] {
  const { user, port, configFile, identityFiles = [], proxyJump, hostKeyCheck, keepalive = 15_000 } = options;
  const set = (name: string, value: string | number): string[] => ["-o", `${name}=${value}`];
  return [
    ...["-T", "-e", "none"],
    ...set("BatchMode", "yes"),
    ...set("ClearAllForwardings", "yes"),
    ...set("RemoteCommand", "none"),
    ...set("ControlPath", "none"),
    ...set("LogLevel", "INFO"),
    ...(keepalive > 0
      ? [...set("ServerAliveInterval", Math.ceil(keepalive / 1000)), ...set("ServerAliveCountMax", 3)]
      : []),
    ...(options.connectTimeout === undefined ? [] : set("ConnectTimeout", Math.ceil(options.connectTimeout / 1000))),
    ...(configFile === undefined ? [] : ["-F", configFile]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...identityFiles.flatMap((file) => ["-i", file]),
    ...(agent === undefined ? [] : set("IdentityAgent", quote(agent))),
    ...(proxyJump === undefined ? [] : set("ProxyJump", proxyJump)),
    ...(hostKeyCheck === "off"
      ? [...set("StrictHostKeyChecking", "no"), ...set("UserKnownHostsFile", "/dev/null")]
      : []),
    ...(hostKeyCheck === "accept-new" ? set("StrictHostKeyChecking", "accept-new") : []),
    ...(hostKeyCheck === "strict" ? set("StrictHostKeyChecking", "yes") : []),
    ...(hosts === undefined
      ? []
      : [...set("UserKnownHostsFile", quote(hosts)), ...set("GlobalKnownHostsFile", "none")]),
  ];
}

const quote = (path: string): string => (/\s/.test(path) ? `"${path}"` : path);

async function knownHosts(given: string | undefined, folder: string): Promise<string | undefined> {
  if (given === undefined) return undefined;
  if (given !== "" && !/^[^/~].*\s/s.test(given)) return given;
  const path = join(folder, "known_hosts");
  await writeFile(path, given, { mode: 0o600 });
  return path;
}

/** Milliseconds that the agent may take until it listens, and between two looks. */
const AGENT_LIMIT = 5000;
const AGENT_LOOK = 10;

/** The agent is ended at `close`; where this process is killed, its keys are forgotten after an hour. */
async function startAgent(socket: string): Promise<ChildProcess> {
  const agent = spawn("ssh-agent", ["-D", "-t", "3600", "-a", socket], { stdio: "ignore" });
  let failed: unknown;
  agent.once("error", (error) => {
    failed = error;
  });
  for (let waited = 0; failed === undefined && agent.exitCode === null && waited < AGENT_LIMIT; waited += AGENT_LOOK) {
    if ((await stat(socket).catch(() => undefined)) !== undefined) return agent;
    await sleep(AGENT_LOOK);
  }
  agent.kill();
  throw new ProviderError("unsupported", "ssh-agent does not start, which a given key needs", {
    hint: "Install the OpenSSH client, or use a key file without a passphrase.",
    cause: failed,
  });
}

async function fillAgent(socket: string, folder: string, options: SshOptions): Promise<void> {
  const ask = join(folder, "ask");
  // A wrong passphrase is asked for again and again: the second time there is none.
  const script = '#!/bin/sh\n[ -e "$0.asked" ] && exit 1\n: >"$0.asked"\nprintf \'%s\\n\' "$CROSSVISOR_PASSPHRASE"\n';
  await writeFile(ask, script, { mode: 0o700 });
  const add = async (what: string, file: string, input: string): Promise<void> => {
    const env = {
      ...process.env,
      SSH_AUTH_SOCK: socket,
      SSH_ASKPASS: ask,
      SSH_ASKPASS_REQUIRE: "force",
      CROSSVISOR_PASSPHRASE: options.passphrase ?? "",
    };
    await rm(`${ask}.asked`, { force: true });
    const child = spawn("ssh-add", ["-q", file], { stdio: ["pipe", "ignore", "ignore"], env });
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const code = await new Promise<number | null>((resolve) => {
      child.once("error", () => resolve(null)).once("close", (status) => resolve(status));
    });
    if (code !== 0)
      throw new ProviderError("invalid", `${what} cannot be opened`, {
        hint: "It must be a private key as PEM or OpenSSH text; set crossvisor:passphrase where it is protected.",
      });
  };
  if (options.privateKey !== undefined) await add("the given private key", "-", `${options.privateKey.trim()}\n`);
  if (options.passphrase === undefined) return;
  for (const file of options.identityFiles ?? []) {
    if ((await stat(file).catch(() => undefined)) !== undefined) await add(`the key ${file}`, file, "");
  }
}
