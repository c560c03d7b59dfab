import { ProviderError } from "../core/errors.js";
import type { AuthLog } from "./ssh-auth.js";
import type { Hop } from "./ssh-options.js";

/** A host as it is called in messages. */
export const nameOf = (hop: Pick<Hop, "user" | "host" | "port">): string =>
  `${hop.user}@${hop.host.includes(":") ? `[${hop.host}]` : hop.host}${hop.port === 22 ? "" : `:${hop.port}`}`;

/** What ssh2 puts on its errors besides Node's `code`. */
export interface SshError extends Error {
  readonly code?: string | number;
  readonly level?: string;
}

/** Facts about the attempt that failed. */
export interface Attempt {
  readonly hop: Hop;
  readonly log: AuthLog;
  readonly skipped: readonly string[];
  /** The jump host in front, if any. */
  readonly through: string | undefined;
}

/** The SSH server refused a subsystem. */
export const noSubsystem = (host: string, name: string, cause?: unknown): ProviderError =>
  new ProviderError("unsupported", `the SSH server of ${host} has no subsystem ${name}`, {
    hint: `Add a line "Subsystem ${name} …" to its sshd_config, or allow it to the login (no ForceCommand).`,
    cause,
  });

/** Turns a failed connection attempt into one fact and one remedy. */
export function connectError(error: SshError, attempt: Attempt): ProviderError {
  const { hop, through } = attempt;
  const name = nameOf(hop);
  const by = through === undefined ? "" : ` through ${through}`;
  const cause = error;
  if (error.level === "client-authentication" || /too many authentication failures/i.test(error.message)) {
    return loginError(error, attempt);
  }
  switch (error.code) {
    case "ECONNREFUSED":
      return new ProviderError("unreachable", `${hop.host} refuses connections on port ${hop.port}${by}`, {
        hint: "Start the SSH server on the host, or set the right port.",
        cause,
      });
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new ProviderError("unreachable", `the name ${hop.host} cannot be resolved`, {
        hint: "Check the spelling and DNS, or add HostName for it to ~/.ssh/config.",
        cause,
      });
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return new ProviderError("unreachable", `there is no route to ${hop.host}${by}`, {
        hint: "Check that the host is up and that the network or VPN leads to it.",
        cause,
      });
    case "ETIMEDOUT":
      return timedOut(name, by, hop, cause);
  }
  if (error.level === "client-timeout") return timedOut(name, by, hop, cause);
  if (error.level === "handshake") {
    return new ProviderError("unsupported", `no common algorithm with ${name}${by} (${error.message})`, {
      hint: "Update the SSH server, or let it offer curve25519, aes-gcm and an ed25519, ecdsa or rsa-sha2 host key.",
      cause,
    });
  }
  return new ProviderError("unreachable", `the SSH connection to ${name}${by} failed (${error.message})`, {
    hint: `Check that an SSH server answers there: ssh -v -p ${hop.port} ${hop.user}@${hop.host}.`,
    cause,
  });
}

const timedOut = (name: string, by: string, hop: Hop, cause: unknown): ProviderError =>
  new ProviderError("timeout", `${name} was not logged in to within ${hop.connectTimeout / 1000} s${by}`, {
    hint: `Check that the host is up and that no firewall drops port ${hop.port}, or raise the connect timeout.`,
    cause,
  });

function loginError(cause: SshError, { hop, log, skipped }: Attempt): ProviderError {
  const tried = log.tried.length === 0 ? "nothing to try" : `tried ${log.tried.join(", ")}`;
  const left = skipped.length === 0 ? "" : `; left aside: ${skipped.join(", ")}`;
  const offered = log.offered.length === 0 ? "" : `; the server takes ${log.offered.join(", ")}`;
  const early = /too many/i.test(cause.message) ? " before all was tried (MaxAuthTries)" : "";
  return new ProviderError("denied", `${nameOf(hop)} refused the login${early}: ${tried}${left}${offered}`, {
    hint: "Add the public key to the user's ~/.ssh/authorized_keys on the host (ssh-copy-id), or name the right key, user or password.",
    cause,
  });
}
