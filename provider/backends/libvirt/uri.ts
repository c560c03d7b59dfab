import type { SshUri } from "../../transports/login.js";
import { type Given, parseParameters } from "./uri-parameters.js";
import { decoded, wrong } from "./uri-wrong.js";

/** A connection URI, understood. */
export interface HostUri extends SshUri {
  /** What the daemon is asked to open: `qemu:///system`, `test:///default`. */
  readonly driver: string;
  readonly transport: Way;
  /** `system`, `session` or a path of the test driver. */
  readonly path: string;
  readonly hypervisor: "qemu" | "test";
  /** Socket of the daemon, when it is not where libvirt puts it. */
  readonly socket: string | undefined;
  /** `mode=`: only the modular daemon's socket (`direct`), only the monolithic one's (`legacy`), or both in turn. */
  readonly mode: "auto" | "direct" | "legacy";
  /** `no_verify=1`: the host's key or certificate is not checked. */
  readonly noVerify: boolean;
  /** Folder of `pkipath=`: cacert.pem, clientcert.pem and clientkey.pem. */
  readonly pkipath: string | undefined;
  /** Canonical spelling, without secrets: stands for the host in a state and leads back to it. */
  readonly identity: string;
}

/** How bytes get to the daemon. */
export type Way = "unix" | "ssh" | "tls" | "tcp";

export const SCHEMES = ["qemu", "test"].flatMap((name) => [
  name,
  ...["unix", "ssh", "tls", "tcp"].map((way) => `${name}+${way}`),
]);

/** A user and a password, which may hold any character: it reaches to the last @. */
const LOGIN = /(:\/\/[^:@/?#[]*)(?::|%3a).*@/i;
/** A host and its port, where an @ may stand in the parameters. */
const WITH_PORT = /^[^:]*:\/\/[^:@/?#]*:\d+(\/[^@?]*)?(\?.*)?$/;

/** Parses a URI as libvirt writes them. Throws `invalid` with the remedy. */
export function parseUri(text: string): HostUri {
  // First of all, so that no other refusal can show it.
  if (LOGIN.test(text) && !WITH_PORT.test(text.trim()))
    throw wrong(
      text.replace(LOGIN, (_login, before: string) => `${before}:…@`),
      "holds a password",
      "Keep it as a secret: pulumi config set --secret crossvisor:password.",
    );
  const match = /^([a-z]+)(?:\+([a-z0-9]+))?:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/.exec(text.trim());
  if (!match) throw wrong(text, "is not a URI of a form that is known here");
  const [, scheme = "", named, authority = "", given = "", query = ""] = match;
  const hypervisor = hypervisorOf(text, scheme);
  // Without a transport a host means TLS, as in libvirt (remote_driver.c).
  const transport = named === undefined ? (authority === "" ? "unix" : "tls") : wayOf(text, named);
  const path = given.length > 1 ? given.replace(/\/+$/, "") || "/" : given;
  if (transport === "unix" && authority !== "") throw wrong(text, "names a host, and a unix socket has none");
  if (transport !== "unix" && authority === "")
    throw wrong(text, "has no host", `Use ${hypervisor}+${transport}://host${path || "/system"}.`);
  checkPath(text, hypervisor, path);
  const { user, host, port } = parseAuthority(text, authority);
  if (user !== undefined && transport !== "ssh")
    throw wrong(text, `names a user, and ${transport.toUpperCase()} has none`, "Leave the user out, or use ssh.");
  if (path === "/session" && (transport === "tls" || transport === "tcp"))
    throw wrong(
      text,
      "asks for a session, which is not reached over the network",
      `Use ${hypervisor}+ssh://user@host/session.`,
    );
  const parameters = parseParameters(text, query, transport);
  const at =
    authority === ""
      ? ""
      : `${user === undefined ? "" : `${encodeURIComponent(user)}@`}${host?.includes(":") ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}`;
  const way = transport === "unix" ? "" : `+${transport}`;
  return {
    driver: `${hypervisor}://${path}`,
    transport,
    path: path.slice(1),
    hypervisor,
    user,
    host,
    port,
    ...valuesOf(parameters.given),
    identity: `${hypervisor}${way}://${at}${path}${parameters.text}`,
  };
}

const valuesOf = (
  given: Given,
): Pick<HostUri, "socket" | "mode" | "keyfile" | "knownHosts" | "noVerify" | "pkipath"> => ({
  socket: given.socket,
  mode: given.mode === "direct" || given.mode === "legacy" ? given.mode : "auto",
  keyfile: given.keyfile,
  knownHosts: given.known_hosts,
  noVerify: given.no_verify === "1",
  pkipath: given.pkipath,
});

/** Hypervisors that libvirt has and this does not drive, so that the refusal can say it. */
const OTHERS = [
  "xen",
  "lxc",
  "vbox",
  "bhyve",
  "ch",
  "esx",
  "vpx",
  "gsx",
  "vmwareplayer",
  "vmwarews",
  "vmwarefusion",
  "openvz",
  "vz",
  "hyperv",
];

function hypervisorOf(text: string, scheme: string): "qemu" | "test" {
  if (scheme === "qemu" || scheme === "test") return scheme;
  if (OTHERS.includes(scheme))
    throw wrong(text, `means libvirt's driver "${scheme}", and only QEMU (with KVM) is driven`);
  throw wrong(text, "is not a URI of a form that is known here");
}

function wayOf(text: string, named: string): Way {
  switch (named) {
    case "unix":
    case "ssh":
    case "tls":
    case "tcp":
      return named;
    case "libssh":
    case "libssh2":
      // Other libraries of libvirt's for the same way to the same host.
      return "ssh";
    default:
      throw wrong(text, `has the transport "${named}"; known are unix, ssh, tls and tcp`);
  }
}

function checkPath(text: string, hypervisor: "qemu" | "test", path: string): void {
  if (hypervisor === "qemu" && path !== "/system" && path !== "/session")
    throw wrong(text, `has the path "${path}", which must be /system or /session`);
  if (hypervisor === "test" && path.length < 2) throw wrong(text, "has no path", "Use test:///default.");
}

function parseAuthority(text: string, authority: string) {
  if (authority === "") return { user: undefined, host: undefined, port: undefined };
  const match = /^(?:([^@]*)@)?(\[[0-9a-fA-F:]+\]|[^:@[\]]+)(?::(\d+))?$/.exec(authority);
  if (!match) throw wrong(text, `has "${authority}" where user@host:port belongs`);
  const [, login, host = "", port] = match;
  const number = port === undefined ? undefined : Number(port);
  if (number !== undefined && (number < 1 || number > 65535))
    throw wrong(text, `has the port ${port}, which must be 1 to 65535`);
  return {
    user: login === undefined ? undefined : decoded(text, login),
    host: host.replace(/^\[|\]$/g, ""),
    port: number,
  };
}
