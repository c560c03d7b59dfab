import * as pulumi from "@pulumi/pulumi";

/** How a host is reached. */
export interface HostArgs {
  /** `qemu:///system`, `qemu+ssh://user@host/system` and so on. */
  readonly uri: pulumi.Input<string>;
  /** Password of the login. Kept secret. */
  readonly password?: pulumi.Input<string> | undefined;
  /** Private key, PEM or OpenSSH text. Kept secret. */
  readonly privateKey?: pulumi.Input<string> | undefined;
  /** Passphrase of private keys. Kept secret. */
  readonly passphrase?: pulumi.Input<string> | undefined;
  /** Text of a known_hosts file. Default: the user's and the machine's files. */
  readonly knownHosts?: pulumi.Input<string> | undefined;
  /** Path of an OpenSSH client configuration. Default: `~/.ssh/config`. */
  readonly sshConfig?: pulumi.Input<string> | undefined;
  /** Who speaks SSH: `auto` (default), `built-in`, or `openssh`, the machine's own `ssh`. */
  readonly sshClient?: pulumi.Input<"auto" | "built-in" | "openssh"> | undefined;
  /** For TLS: certificate of the authority that issued the host's, PEM text. Default: libvirt's files. */
  readonly caCert?: pulumi.Input<string> | undefined;
  /** For TLS: certificate that is shown to the host, PEM text. Default: libvirt's files. */
  readonly clientCert?: pulumi.Input<string> | undefined;
  /** Private key of `clientCert`, PEM text. Kept secret. */
  readonly clientKey?: pulumi.Input<string> | undefined;
}

const SECRET = new Set(["password", "privateKey", "passphrase", "clientKey"]);

/**
 * A host of its own for some resources of a program: `new Volume("v", {…}, { provider: host })`. Resources without one
 * are on the host of the stack's configuration, `crossvisor:uri`.
 */
export class Host extends pulumi.ProviderResource {
  constructor(name: string, args: HostArgs, opts?: pulumi.ResourceOptions) {
    const config = Object.entries(args)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [`crossvisor:${key}`, SECRET.has(key) ? pulumi.secret(value) : value]);
    super("pulumi-nodejs", name, Object.fromEntries(config), opts);
  }
}
