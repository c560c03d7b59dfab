import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ServerHostKeyAlgorithm } from "ssh2";
import { ProviderError } from "../core/errors.js";
import {
  fingerprint,
  judgeKey,
  type KnownHost,
  keyType,
  knownHostName,
  knownTypes,
  parseKnownHosts,
  speaksOf,
  type Verdict,
} from "./known-hosts.js";

/** How to look at a host's key: refuse what is not known, learn the unknown, or do not look. */
export type HostKeyCheck = "strict" | "accept-new" | "off";

/** Where the known hosts are. */
export interface KnownHostsSource {
  /** Text in the format of known_hosts, in place of files. */
  readonly text?: string | undefined;
  /** Files in the order of their reading; the first one is where a new key is added. */
  readonly files: readonly string[];
}

/** The host under the name by which its key is known (HostKeyAlias or its real name). */
export interface KeyOwner {
  readonly host: string;
  readonly port: number;
  /** True when `host` is a HostKeyAlias, which stands without a port. */
  readonly alias: boolean;
}

/** Judges the keys of one host; made before the connection, so that it knows which key types to ask for. */
export interface HostKeyJudge {
  readonly algorithms: ServerHostKeyAlgorithm[];
  /** Returns when the key is good; else throws `denied` (or `unsupported`) with fact and remedy. */
  accept(key: Buffer): Promise<void>;
}

const offered: readonly ServerHostKeyAlgorithm[] = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
  "ssh-rsa",
];

/** Reads the known hosts and prepares the judgement of one host's key. */
export async function hostKeyJudge(
  owner: KeyOwner,
  check: HostKeyCheck,
  source: KnownHostsSource,
): Promise<HostKeyJudge> {
  if (check === "off") return { algorithms: [...offered], accept: async () => {} };
  const entries = await loadKnownHosts(source);
  const port = owner.alias ? 22 : owner.port;
  const types = knownTypes(entries, owner.host, port).map((type) => (type === "ssh-rsa" ? "rsa-sha2-512" : type));
  const preferred = offered.filter((algorithm) => types.includes(algorithm));
  const rest = offered.filter((algorithm) => !preferred.includes(algorithm));
  // An RSA key serves under two names; both belong before the key types that are not known.
  const rsa = preferred.includes("rsa-sha2-512") ? rest.filter((algorithm) => algorithm.startsWith("rsa-")) : [];
  const algorithms = [...preferred, ...rsa, ...rest.filter((algorithm) => !rsa.includes(algorithm))];
  const accept = async (key: Buffer): Promise<void> => {
    const verdict = judgeKey(entries, owner.host, port, key);
    if (verdict.is === "known") return;
    if (verdict.is === "unknown" && check === "accept-new") {
      await learn(owner.host, port, key, source);
      entries.push(...parseKnownHosts(knownHostsLine(owner.host, port, key), "accepted in this run"));
      return;
    }
    throw refusal({ verdict, host: owner.host, port, key, source });
  };
  return { algorithms, accept };
}

/** Whether a host is trusted through a certificate authority, and no key of its own is known. */
export async function needsAuthority(owner: KeyOwner, source: KnownHostsSource): Promise<boolean> {
  const entries = await loadKnownHosts(source);
  const port = owner.alias ? 22 : owner.port;
  if (knownTypes(entries, owner.host, port).length > 0) return false;
  const names = [knownHostName(owner.host, port), knownHostName(owner.host, 22)];
  return entries.some((entry) => entry.marker === "cert-authority" && names.some((name) => speaksOf(entry, name)));
}

async function loadKnownHosts(source: KnownHostsSource): Promise<KnownHost[]> {
  if (source.text !== undefined) return parseKnownHosts(source.text, "the configured known hosts");
  const texts = await Promise.all(source.files.map((file) => readFile(file, "utf8").catch(() => "")));
  return texts.flatMap((text, index) => parseKnownHosts(text, source.files[index] ?? ""));
}

const knownHostsLine = (host: string, port: number, key: Buffer): string =>
  `${knownHostName(host, port)} ${keyType(key)} ${key.toString("base64")}\n`;

async function learn(host: string, port: number, key: Buffer, source: KnownHostsSource): Promise<void> {
  const file = source.text === undefined ? source.files[0] : undefined;
  if (file === undefined) return;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const before = await readFile(file, "utf8").catch(() => "");
  const gap = before === "" || before.endsWith("\n") ? "" : "\n";
  await appendFile(file, gap + knownHostsLine(host, port, key), { mode: 0o600 });
}

interface Refused {
  readonly verdict: Verdict;
  readonly host: string;
  readonly port: number;
  readonly key: Buffer;
  readonly source: KnownHostsSource;
}

function refusal({ verdict, host, port, key, source }: Refused): ProviderError {
  const name = knownHostName(host, port);
  const shown = `${keyType(key)} key ${fingerprint(key)}`;
  const scan = `ssh-keyscan ${port === 22 ? "" : `-p ${port} `}${host}`;
  const target =
    source.text === undefined ? `>> ${source.files[0] ?? "~/.ssh/known_hosts"}` : "into the known hosts setting";
  const add = `compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then add it with ${scan} ${target}, or connect once with ssh`;
  if (verdict.is === "unknown") {
    return new ProviderError("denied", `the host key of ${name} is not known: it shows the ${shown}`, {
      hint: `To trust it, ${add}.`,
    });
  }
  const at = `${verdict.entry.file}, line ${verdict.entry.line}`;
  switch (verdict.is) {
    case "revoked":
      return new ProviderError("denied", `the host key of ${name} is revoked (${at}): it shows the ${shown}`, {
        hint: "Give the host a new key: whoever holds this one can pose as the host.",
      });
    case "other-type":
      return new ProviderError(
        "denied",
        `${name} shows the ${shown}, but only its ${verdict.entry.type} key is known (${at})`,
        {
          hint: `The host no longer offers the key that is known; ${add}.`,
        },
      );
    case "authority":
      return new ProviderError(
        "unsupported",
        `${name} is trusted through a certificate authority only (${at}), and the built-in client checks no host certificates`,
        {
          hint: `Let the machine's own ssh do it (crossvisor:sshClient openssh), or trust the host's own key as well: ${add}.`,
        },
      );
    default:
      return new ProviderError(
        "denied",
        `the host key of ${name} has changed: it shows the ${shown}, another one is known (${at})`,
        {
          hint: `If the host was reinstalled, remove the old key with ssh-keygen -R "${name}"${source.text === undefined ? ` -f ${verdict.entry.file}` : ""} and add the new one with ${scan}; else somebody may sit between you and the host.`,
        },
      );
  }
}
