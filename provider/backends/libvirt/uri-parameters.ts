import type { Way } from "./uri.js";
import { decoded, wrong } from "./uri-wrong.js";

/** Each parameter, in the order of the canonical spelling, with the ways to a host on which it means something. */
const PARAMETERS = {
  socket: ["unix", "ssh"],
  mode: ["unix", "ssh"],
  keyfile: ["ssh"],
  known_hosts: ["ssh"],
  no_verify: ["ssh", "tls"],
  pkipath: ["tls"],
} as const satisfies Readonly<Record<string, readonly Way[]>>;

type Name = keyof typeof PARAMETERS;
export type Given = Partial<Record<Name, string>>;

const isName = (key: string): key is Name => Object.hasOwn(PARAMETERS, key);
const NAMES = Object.keys(PARAMETERS).filter(isName);

/** Parameters that libvirt knows and that are not needed here, with what to use instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  no_tty: "Leave it out: nobody is ever asked anything.",
  command: "Leave it out. Programs on the way belong into ~/.ssh/config, as ProxyCommand.",
  netcat: "Leave it out: the connection is forwarded, or virt-ssh-helper is used.",
  proxy: "Leave it out: both ways are tried in turn.",
  sshauth: "Leave it out: keys, agent and password are tried in turn.",
  known_hosts_verify: "Set StrictHostKeyChecking in ~/.ssh/config, or use no_verify=1.",
  authfile: "Leave it out: SASL is not supported.",
  tls_priority: "Leave it out: TLS 1.2 and 1.3 are used.",
  name: "Leave it out: the path of the URI says which driver is opened.",
};

/** The parameters of a URI and their canonical text, which begins with `?` where there are any. */
export function parseParameters(
  text: string,
  query: string,
  way: Way,
): { readonly given: Given; readonly text: string } {
  const given: Given = {};
  for (const part of query.split("&").filter((p) => p !== "")) {
    const [key = "", ...value] = part.split("=");
    if (!isName(key)) throw wrong(text, `has the parameter "${key}"; known are ${NAMES.join(", ")}`, INSTEAD[key]);
    const ways: readonly Way[] = PARAMETERS[key];
    if (!ways.includes(way))
      throw wrong(
        text,
        `has the parameter "${key}", which means nothing over ${way}`,
        `It belongs to ${ways.join(" and ")}.`,
      );
    given[key] = decoded(text, value.join("="));
  }
  check(text, given);
  const kept = NAMES.flatMap((key) => (given[key] === undefined ? [] : [`${key}=${encodePath(given[key])}`]));
  return { given, text: kept.length === 0 ? "" : `?${kept.join("&")}` };
}

function check(text: string, given: Given): void {
  const { socket, pkipath, mode, no_verify: noVerify } = given;
  if (socket !== undefined && !socket.startsWith("/")) throw wrong(text, "has a socket that is not an absolute path");
  if (pkipath !== undefined && !pkipath.startsWith("/"))
    throw wrong(text, "has a pkipath that is not an absolute path");
  if (mode !== undefined && !["auto", "direct", "legacy"].includes(mode))
    throw wrong(text, `has the mode "${mode}"`, "Use auto, direct (modular daemons) or legacy (libvirtd).");
  if (noVerify !== undefined && noVerify !== "0" && noVerify !== "1")
    throw wrong(text, `has no_verify=${noVerify}, which must be 0 or 1`, "With 1 nobody checks who the host is.");
}

const encodePath = (path: string): string => encodeURIComponent(path).replaceAll("%2F", "/");
