import { join } from "node:path";
import { ProviderError } from "../core/errors.js";
import type { HostKeyCheck, KnownHostsSource } from "./host-key.js";
import { localUser } from "./local.js";
import {
  type Directives,
  defaultConfigFiles,
  expandTokens,
  readSshConfig,
  sshFolder,
  type Tokens,
} from "./ssh-config.js";
import { nameOf } from "./ssh-errors.js";

/** How to reach a host over SSH. What is left out comes from the SSH configuration, then from ssh's defaults. */
export interface SshOptions {
  /** Who speaks SSH: this program (`built-in`), the machine's own client (`openssh`), or whoever can. Default: `auto`. */
  readonly client?: "auto" | "built-in" | "openssh" | undefined;
  /** Host name, address, or a `Host` alias of the SSH configuration. */
  readonly host: string;
  /** Default: the configuration's `User`, then the local user. */
  readonly user?: string | undefined;
  /** 1 to 65535. Default: the configuration's `Port`, then 22. */
  readonly port?: number | undefined;
  /** Tried last, also for keyboard-interactive. Never sent to a jump host. */
  readonly password?: string | undefined;
  /** A private key as PEM text (OpenSSH, PKCS#1 or PKCS#8); offered to jump hosts too. */
  readonly privateKey?: string | undefined;
  /** Opens `privateKey` and identity files that are protected. */
  readonly passphrase?: string | undefined;
  /** Paths of private keys, in the order of trying. Default: `IdentityFile`, then ~/.ssh/id_ed25519, id_ecdsa, id_rsa. */
  readonly identityFiles?: readonly string[] | undefined;
  /** Socket of an ssh-agent, or `none`. Default: `IdentityAgent`, then SSH_AUTH_SOCK. */
  readonly agent?: string | undefined;
  /** A path of a known_hosts file, or its text (which has a space and does not begin with `/` or `~`). */
  readonly knownHosts?: string | undefined;
  /** Default: `StrictHostKeyChecking` of the configuration, then `strict`. */
  readonly hostKeyCheck?: HostKeyCheck | undefined;
  /** `[user@]host[:port]`, several with commas between, or `none`. Default: `ProxyJump` of the configuration. */
  readonly proxyJump?: string | undefined;
  /** A configuration file in place of ~/.ssh/config and /etc/ssh/ssh_config; `none` reads no file. */
  readonly configFile?: string | undefined;
  /** Milliseconds between two signs of life, 0 for none; three unanswered ones end the connection. Default: 15 000. */
  readonly keepalive?: number | undefined;
  /** Milliseconds until the connection must be logged in, per hop. Default: `ConnectTimeout`, then 20 000. */
  readonly connectTimeout?: number | undefined;
}

/** One ssh connection to make, with everything decided. */
export interface Hop {
  /** The real name or address to connect to. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly privateKey: string | undefined;
  readonly passphrase: string | undefined;
  readonly identityFiles: readonly string[];
  /** False when the identity files are only ssh's defaults, which may well be absent. */
  readonly identityFilesChosen: boolean;
  /** Certificates of the user that the configuration names. */
  readonly certificateFiles: readonly string[];
  /** Use of the agent is limited to the identity files. */
  readonly identitiesOnly: boolean;
  readonly agent: string | undefined;
  /** HostKeyAlias, if any. */
  readonly hostKeyAlias: string | undefined;
  readonly hostKeyCheck: HostKeyCheck;
  readonly knownHosts: KnownHostsSource;
  /** Milliseconds. */
  readonly keepalive: number;
  /** Milliseconds. */
  readonly connectTimeout: number;
}

/** The way to a host: its jump hosts in the order of passing, the host itself last. */
export function resolveRoute(options: SshOptions): Hop[] {
  return route(options, []);
}

function route(options: SshOptions, passed: readonly string[]): Hop[] {
  const me = localUser();
  const files = options.configFile === "none" ? [] : options.configFile ? [options.configFile] : defaultConfigFiles();
  const found = readSshConfig(files, { host: options.host, user: options.user, localUser: me });
  const hop = decide(options, found, me);
  if (passed.includes(nameOf(hop))) {
    throw new ProviderError("invalid", `ProxyJump goes round in a circle: ${[...passed, nameOf(hop)].join(" to ")}`);
  }
  const jump = options.proxyJump ?? found.get("proxyjump")?.[0];
  if (jump === undefined || jump.toLowerCase() === "none") {
    const command = found.get("proxycommand")?.join(" ");
    if (jump === undefined && command !== undefined && command !== "none") {
      throw new ProviderError("unsupported", `the SSH configuration reaches ${options.host} by ProxyCommand`, {
        hint: "Let the machine's own ssh do it (crossvisor:sshClient openssh), or use ProxyJump instead.",
      });
    }
    return [hop];
  }
  return [...jumps(jump, options, [...passed, nameOf(hop)]), hop];
}

/** As in ssh, only the first jump host may itself be behind jump hosts of its own configuration. */
function jumps(list: string, options: SshOptions, passed: readonly string[]): Hop[] {
  return list.split(",").flatMap((text, index) => {
    const target = parseTarget(text.trim());
    const { user, port, host } = target;
    const { privateKey, passphrase, agent, knownHosts, hostKeyCheck, configFile, keepalive, connectTimeout } = options;
    const shared = { privateKey, passphrase, agent, knownHosts, hostKeyCheck, configFile, keepalive, connectTimeout };
    const identityFiles = options.identityFiles;
    const jump: SshOptions = { ...shared, identityFiles, host, user, port };
    return route(index === 0 ? jump : { ...jump, proxyJump: "none" }, passed);
  });
}

function parseTarget(text: string): { host: string; user?: string | undefined; port?: number | undefined } {
  const match = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:@[\]]+))(?::(\d+))?\/?$/.exec(text);
  const host = match?.[2] ?? match?.[3];
  if (host === undefined) {
    throw new ProviderError("invalid", `"${text}" is no jump host`, {
      hint: "Write it as user@host:port; user and port may be left out.",
    });
  }
  return { host, user: match?.[1], port: match?.[4] === undefined ? undefined : Number(match[4]) };
}

function decide(options: SshOptions, found: Directives, me: string): Hop {
  const one = (name: string): string | undefined => found.get(name)?.[0];
  const host = (one("hostname") ?? options.host).replaceAll("%h", options.host).replaceAll("%%", "%");
  const port = options.port ?? Number(one("port") ?? 22);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new ProviderError("invalid", `the SSH port of ${options.host} is no number from 1 to 65535`);
  }
  const user = options.user ?? one("user") ?? me;
  const tokens: Tokens = { host, original: options.host, port, user, localUser: me };
  const expand = (path: string): string => expandTokens(path, tokens);
  const configured = found.get("identityfile");
  const named = options.identityFiles ?? configured?.filter((file) => file.toLowerCase() !== "none");
  const seconds = Number(one("connecttimeout") ?? Number.NaN);
  return {
    host,
    port,
    user,
    password: options.password,
    privateKey: options.privateKey,
    passphrase: options.passphrase,
    identityFiles: (named ?? defaultIdentities).map(expand),
    identityFilesChosen: named !== undefined,
    certificateFiles: (found.get("certificatefile") ?? []).filter((file) => file.toLowerCase() !== "none").map(expand),
    identitiesOnly: one("identitiesonly")?.toLowerCase() === "yes",
    agent: agentSocket(options.agent ?? one("identityagent"), expand),
    hostKeyAlias: one("hostkeyalias"),
    hostKeyCheck: options.hostKeyCheck ?? checkOf(one("stricthostkeychecking")),
    knownHosts: knownHostsOf(options.knownHosts, found, expand),
    keepalive: options.keepalive ?? 15_000,
    connectTimeout: options.connectTimeout ?? (seconds > 0 ? seconds * 1000 : 20_000),
  };
}

const defaultIdentities = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

function agentSocket(named: string | undefined, expand: (path: string) => string): string | undefined {
  if (named?.toLowerCase() === "none") return undefined;
  const fromEnvironment = process.env["SSH_AUTH_SOCK"] || undefined;
  if (named === undefined || named === "SSH_AUTH_SOCK") return fromEnvironment;
  if (named.startsWith("$") && !named.startsWith("${")) return process.env[named.slice(1)] || undefined;
  return expand(named);
}

function checkOf(word: string | undefined): HostKeyCheck {
  switch (word?.toLowerCase()) {
    case "accept-new":
      return "accept-new";
    case "no":
    case "off":
      return "off";
    default:
      // `ask` has nobody to ask here, and is strict.
      return "strict";
  }
}

function knownHostsOf(
  given: string | undefined,
  found: Directives,
  expand: (path: string) => string,
): KnownHostsSource {
  const isText = given !== undefined && (given === "" || /^[^/~].*\s/s.test(given));
  if (isText) return { text: given, files: [] };
  if (given !== undefined) return { files: [expand(given)] };
  const home = sshFolder();
  const user = found.get("userknownhostsfile") ?? [join(home, "known_hosts"), join(home, "known_hosts2")];
  const system = found.get("globalknownhostsfile") ?? ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];
  return { files: [...user, ...system].filter((file) => file.toLowerCase() !== "none").map(expand) };
}
