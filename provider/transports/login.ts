import { ProviderError } from "../core/errors.js";
import type { HostSettings } from "../core/settings.js";
import type { SshOptions } from "./ssh-options.js";
import type { LoginTransport } from "./transport.js";

/** What a host's URI says about the way to it. */
export interface SshUri {
  readonly host: string | undefined;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** Private key file of `keyfile=`, on the machine that runs the program. */
  readonly keyfile: string | undefined;
  /** known_hosts file of `known_hosts=`. */
  readonly knownHosts: string | undefined;
  /** `no_verify=1`: the host's key is not checked. */
  readonly noVerify: boolean;
}

/**
 * The login that a URI and the settings mean; nobody is connected yet. `keepalive` in milliseconds, for tests.
 *
 * @throws `invalid` for a client that is none.
 */
export async function loginTransport(uri: SshUri, settings: HostSettings, keepalive?: number): Promise<LoginTransport> {
  // ssh2 is loaded only where somebody goes this way.
  const { sshTransport } = await import("./ssh.js");
  return sshTransport({
    client: clientOf(settings.sshClient),
    host: uri.host ?? "",
    user: uri.user,
    port: uri.port,
    password: settings.password,
    privateKey: settings.privateKey,
    passphrase: settings.passphrase,
    identityFiles: uri.keyfile === undefined ? undefined : [uri.keyfile],
    knownHosts: settings.knownHosts ?? uri.knownHosts,
    hostKeyCheck: uri.noVerify ? "off" : undefined,
    configFile: settings.sshConfig,
    keepalive,
  });
}

function clientOf(word: string | undefined): SshOptions["client"] {
  if (word === undefined || word === "auto" || word === "built-in" || word === "openssh") return word;
  throw new ProviderError("invalid", `"${word}" is none of auto, built-in, openssh`, {
    where: { property: "crossvisor:sshClient" },
    hint: "Leave it out: the machine's own ssh is used where the SSH configuration needs it.",
  });
}
