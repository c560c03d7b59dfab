import { ProviderError } from "../../core/errors.js";
import type { SshUri } from "../../transports/login.js";

/** A connection URI, understood. */
export interface HostUri extends SshUri {
  /** `local`: PowerShell of this machine, which runs Windows. */
  readonly transport: "local" | "ssh";
  /** Canonical spelling, without secrets: stands for the host in a state and leads back to it. */
  readonly identity: string;
}

export const SCHEMES = ["hyperv", "hyperv+ssh"] as const;

const FORMS = "Use hyperv+ssh://user@host, or hyperv:/// on the host itself.";
const PARAMETERS = ["keyfile", "known_hosts", "no_verify"] as const;
type Given = Partial<Record<(typeof PARAMETERS)[number], string>>;

/** A user and a password, which may hold any character: it reaches to the last @ before the parameters. */
const LOGIN = /(:\/\/[^:@/?#]*)(?::|%3a)[^?]*@/i;
const FORM =
  /^hyperv(?:\+([a-z0-9]+))?:\/\/(?:([^@/?#]*)@)?(\[[0-9a-f:]+\]|[^:@[\]/?#]*)(?::(\d+))?(\/[^?#]*)?(?:\?([^#]*))?$/i;

/** Throws `invalid` with the remedy. */
export function parseUri(text: string): HostUri {
  // First of all, so that no other refusal can show it.
  if (LOGIN.test(text))
    throw wrong(
      text.replace(LOGIN, (_login, before: string) => `${before}:…@`),
      "holds a password",
      "Keep it as a secret: pulumi config set --secret crossvisor:password.",
    );
  const match = FORM.exec(text.trim());
  if (match === null) throw wrong(text, "is not a URI of a form that is known here");
  const [, way = "", login, authority = "", port, path = "", query = ""] = match;
  if (way !== "" && way.toLowerCase() !== "ssh") throw wrong(text, `has the transport "${way}"; known is ssh`);
  if (path.length > 1) throw wrong(text, `has the path "${path}", and a host has none`);
  const local = way === "";
  if (local && (authority !== "" || login !== undefined || port !== undefined))
    throw wrong(text, "names a host without a transport", `Use hyperv+ssh://${authority || "host"}.`);
  if (local && query !== "") throw wrong(text, "has parameters, and this machine needs none");
  if (!local && authority === "") throw wrong(text, "has no host");
  const number = port === undefined ? undefined : Number(port);
  if (number !== undefined && (number < 1 || number > 65535))
    throw wrong(text, `has the port ${port}, which must be 1 to 65535`);
  const user = login === undefined ? undefined : decoded(text, login);
  const given = parametersOf(text, query);
  const host = authority.replace(/^\[|\]$/g, "");
  return {
    transport: local ? "local" : "ssh",
    host: local ? undefined : host,
    user,
    port: number,
    keyfile: given.keyfile,
    knownHosts: given.known_hosts,
    noVerify: given.no_verify === "1",
    identity: local ? "hyperv:///" : `hyperv+ssh://${at({ user, host, port: number })}/${parametersText(given)}`,
  };
}

const at = ({ user, host, port }: { user: string | undefined; host: string; port: number | undefined }): string =>
  `${user === undefined ? "" : `${encodeURIComponent(user)}@`}${host.includes(":") ? `[${host}]` : host.toLowerCase()}${port === undefined ? "" : `:${port}`}`;

function parametersOf(text: string, query: string): Given {
  const given: Given = {};
  for (const part of query.split("&").filter((p) => p !== "")) {
    const [key = "", ...value] = part.split("=");
    const known = PARAMETERS.find((name) => name === key);
    if (known === undefined) throw wrong(text, `has the parameter "${key}"; known are ${PARAMETERS.join(", ")}`);
    given[known] = decoded(text, value.join("="));
  }
  if (given.no_verify !== undefined && !["0", "1"].includes(given.no_verify))
    throw wrong(
      text,
      `has no_verify=${given.no_verify}, which must be 0 or 1`,
      "With 1 nobody checks who the host is.",
    );
  return given;
}

function parametersText(given: Given): string {
  const kept = PARAMETERS.flatMap((key) => {
    const value = given[key];
    return value === undefined ? [] : [`${key}=${encodeURIComponent(value).replaceAll("%2F", "/")}`];
  });
  return kept.length === 0 ? "" : `?${kept.join("&")}`;
}

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong(text, `has "${part}", where a % is not followed by the code of a character`, "Write %25 for a %.");
  }
}

const wrong = (text: string, what: string, hint = FORMS): ProviderError =>
  new ProviderError("invalid", `"${text}" ${what}`, { where: { property: "crossvisor:uri" }, hint });
