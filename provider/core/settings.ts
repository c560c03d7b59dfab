/** How a host is reached. Only `uri` is kept in a state; the rest are secrets or local paths. */
export interface HostSettings {
  readonly uri: string;
  readonly password?: string;
  /** Private key, PEM or OpenSSH text. */
  readonly privateKey?: string;
  /** Passphrase of private keys. */
  readonly passphrase?: string;
  /** Text of a known_hosts file; default: the user's and the machine's files. */
  readonly knownHosts?: string;
  /** Path of an OpenSSH client configuration; default `~/.ssh/config`. */
  readonly sshConfig?: string;
  /** `auto` (default), `built-in` or `openssh`: who speaks SSH. */
  readonly sshClient?: string;
  /** Certificate of the authority that signed the host's, PEM; for TLS, in place of files. */
  readonly caCert?: string;
  /** Certificate that this side shows, PEM. */
  readonly clientCert?: string;
  /** Its private key, PEM. */
  readonly clientKey?: string;
}

/** The settings besides the URI, in the order in which they are told: faces read each under its name. */
export const ACCESS = [
  "password",
  "privateKey",
  "passphrase",
  "knownHosts",
  "sshConfig",
  "sshClient",
  "caCert",
  "clientCert",
  "clientKey",
] as const satisfies readonly Exclude<keyof HostSettings, "uri">[];
