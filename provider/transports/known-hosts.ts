import { createHash, createHmac } from "node:crypto";
import { matchesPatterns } from "./patterns.js";

/** One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHost {
  readonly marker: "cert-authority" | "revoked" | undefined;
  readonly hosts: string;
  readonly type: string;
  /** The key as on the wire, base64. */
  readonly key: string;
  readonly file: string;
  readonly line: number;
}

/** What the known hosts say about a key that a host has shown. */
export type Verdict =
  | { readonly is: "known"; readonly entry: KnownHost }
  | { readonly is: "revoked"; readonly entry: KnownHost }
  /** Another key of the same type is known. */
  | { readonly is: "changed"; readonly entry: KnownHost }
  /** Keys of other types only. */
  | { readonly is: "other-type"; readonly entry: KnownHost }
  /** Trusted through a certificate authority only. */
  | { readonly is: "authority"; readonly entry: KnownHost }
  | { readonly is: "unknown" };

const keyTypes = /^(ssh-|ecdsa-|sk-)/;

/** Reads a known_hosts text; lines that are no entries (comments, damage, SSH 1 keys) are left out, as ssh does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split(/\r?\n/).flatMap((raw, index): KnownHost[] => {
    const words = raw.trim().split(/\s+/);
    const first = words[0] ?? "";
    if (first === "" || first.startsWith("#")) return [];
    const marker = first === "@cert-authority" ? "cert-authority" : first === "@revoked" ? "revoked" : undefined;
    if (marker === undefined && first.startsWith("@")) return [];
    const [hosts, type, key] = marker === undefined ? words : words.slice(1);
    if (hosts === undefined || type === undefined || key === undefined || !keyTypes.test(type)) return [];
    return [{ marker, hosts, type, key, file, line: index + 1 }];
  });
}

/** The name under which known_hosts lists a host: plain for port 22, `[host]:port` otherwise. */
export const knownHostName = (host: string, port: number): string =>
  port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;

/** Whether the entry speaks of the host; hashed names (`|1|salt|HMAC-SHA1`) and pattern lists are understood. */
export function speaksOf(entry: KnownHost, name: string): boolean {
  if (!entry.hosts.startsWith("|")) return matchesPatterns(entry.hosts.split(","), name);
  const [, version, salt, hash] = entry.hosts.split("|");
  if (version !== "1" || salt === undefined || hash === undefined) return false;
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
}

/** The type of a key on the wire: its first string. */
export const keyType = (key: Buffer): string => key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");

/** The fingerprint as ssh prints it. */
export const fingerprint = (key: Buffer): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;

const judge = (entries: readonly KnownHost[], name: string, key: Buffer): Verdict => {
  const base64 = key.toString("base64");
  const type = keyType(key);
  const here = entries.filter((entry) => speaksOf(entry, name));
  const same = (entry: KnownHost): boolean => entry.key.replace(/=+$/, "") === base64.replace(/=+$/, "");
  const first = (is: Exclude<Verdict["is"], "unknown">, test: (entry: KnownHost) => boolean): Verdict | undefined => {
    const entry = here.find(test);
    return entry === undefined ? undefined : { is, entry };
  };
  const plain = (entry: KnownHost): boolean => entry.marker === undefined;
  return (
    first("revoked", (entry) => entry.marker === "revoked" && same(entry)) ??
    first("known", (entry) => plain(entry) && same(entry)) ??
    first("changed", (entry) => plain(entry) && entry.type === type) ??
    first("other-type", plain) ??
    first("authority", (entry) => entry.marker === "cert-authority") ?? { is: "unknown" }
  );
};

/**
 * Judges the key a host has shown. Like ssh, a key listed for the host without its port is good for every port
 * (sshconnect.c, "checking without port identifier"), but only as a match, never as a mismatch.
 */
export function judgeKey(entries: readonly KnownHost[], host: string, port: number, key: Buffer): Verdict {
  const verdict = judge(entries, knownHostName(host, port), key);
  if (port === 22 || verdict.is === "known" || verdict.is === "revoked") return verdict;
  const portless = judge(entries, knownHostName(host, 22), key);
  if (portless.is === "revoked") return portless;
  return verdict.is === "unknown" && portless.is === "known" ? portless : verdict;
}

/** The key types known for a host, without repetition, so that the client can ask for these first. */
export function knownTypes(entries: readonly KnownHost[], host: string, port: number): string[] {
  const names = [...new Set([knownHostName(host, port), knownHostName(host, 22)])];
  const types = names.flatMap((name) =>
    entries.filter((entry) => entry.marker === undefined && speaksOf(entry, name)).map((entry) => entry.type),
  );
  return [...new Set(types)];
}
