import { ProviderError } from "../../core/errors.js";

/** A connection URI, understood. */
export interface HostUri {
  /** What the daemon is asked to open: `qemu:///system`, `test:///default`. */
  readonly driver: string;
  readonly transport: "unix" | "ssh";
  /** `system`, `session` or a path of the test driver. */
  readonly path: string;
  readonly hypervisor: "qemu" | "test";
  readonly host: string | undefined;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** Socket of the daemon, when it is not where libvirt puts it. */
  readonly socket: string | undefined;
  /** Private key file of `keyfile=`. */
  readonly keyfile: string | undefined;
  /** known_hosts file of `known_hosts=`. */
  readonly knownHosts: string | undefined;
  /** `no_verify=1`: the host's key is not checked. */
  readonly noVerify: boolean;
  /** Canonical spelling, without secrets: stands for the host in a state and leads back to it. */
  readonly identity: string;
}

export const SCHEMES = ["qemu", "qemu+unix", "qemu+ssh", "test", "test+unix", "test+ssh"] as const;

const PARAMETERS = ["socket", "keyfile", "known_hosts", "no_verify"] as const;

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
  const match = /^(qemu|test)(?:\+(unix|ssh))?:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/.exec(text.trim());
  if (!match) throw wrong(text, "is not a URI of a form that is known here");
  const [, hypervisor = "", named, authority = "", path = "", query = ""] = match;
  const transport = named ?? (authority === "" ? "unix" : undefined);
  if (transport === undefined)
    throw wrong(
      text,
      "has a host and no transport, which means TLS and is not supported",
      `Use ${hypervisor}+ssh://${authority}${path}.`,
    );
  if (transport === "unix" && authority !== "") throw wrong(text, "names a host, and a unix socket has none");
  if (transport === "ssh" && authority === "")
    throw wrong(text, "has no host", `Use ${hypervisor}+ssh://user@host${path || "/system"}.`);
  if (hypervisor === "qemu" && path !== "/system" && path !== "/session")
    throw wrong(text, `has the path "${path}", which must be /system or /session`);
  if (hypervisor === "test" && path.length < 2) throw wrong(text, "has no path", "Use test:///default.");
  const { user, host, port } = parseAuthority(text, authority);
  const given = parseQuery(text, query);
  const kept = PARAMETERS.flatMap((key) => (given[key] === undefined ? [] : [`${key}=${encodePath(given[key])}`])).join(
    "&",
  );
  const at =
    authority === ""
      ? ""
      : `${user === undefined ? "" : `${encodeURIComponent(user)}@`}${host?.includes(":") ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}`;
  return {
    driver: `${hypervisor}://${path}`,
    transport: transport === "ssh" ? "ssh" : "unix",
    path: path.slice(1),
    hypervisor: hypervisor === "test" ? "test" : "qemu",
    user,
    host,
    port,
    socket: given.socket,
    keyfile: given.keyfile,
    knownHosts: given.known_hosts,
    noVerify: given.no_verify === "1",
    identity: `${hypervisor}${transport === "ssh" ? "+ssh" : ""}://${at}${path}${kept === "" ? "" : `?${kept}`}`,
  };
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
    user: login === undefined ? undefined : decode(text, login),
    host: host.replace(/^\[|\]$/g, ""),
    port: number,
  };
}

function parseQuery(text: string, query: string): Partial<Record<(typeof PARAMETERS)[number], string>> {
  const given: Partial<Record<(typeof PARAMETERS)[number], string>> = {};
  for (const part of query.split("&").filter((p) => p !== "")) {
    const [key = "", ...value] = part.split("=");
    const known = PARAMETERS.find((p) => p === key);
    if (known === undefined) throw wrong(text, `has the parameter "${key}"; known are ${PARAMETERS.join(", ")}`);
    given[known] = decode(text, value.join("="));
  }
  if (given.socket !== undefined && !given.socket.startsWith("/"))
    throw wrong(text, "has a socket that is not an absolute path");
  return given;
}

const encodePath = (path: string): string => encodeURIComponent(path).replaceAll("%2F", "/");

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong(text, `has "${part}", where a % is not followed by the code of a character`, "Write %25 for a %.");
  }
}

const wrong = (text: string, what: string, hint?: string): ProviderError =>
  new ProviderError("invalid", `"${text}" ${what}`, {
    where: { property: "crossvisor:uri" },
    hint: hint ?? "Use qemu:///system, qemu:///session or qemu+ssh://user@host/system.",
  });
