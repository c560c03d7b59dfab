import { access, constants, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { isProviderError } from "../core/errors.js";
import { needsAuthority } from "./host-key.js";
import { type Hop, resolveRoute, type SshOptions } from "./ssh-options.js";

/**
 * Who shall speak SSH. The machine's own client is taken where the configuration asks for what only it can do:
 * ProxyCommand, certificates of hosts and of users, and keys on FIDO devices; never where a password is given, for which
 * it would ask a terminal, and only where there is one.
 */
export async function chooseClient(options: SshOptions): Promise<"built-in" | "openssh"> {
  const { client = "auto" } = options;
  if (client !== "auto") return client;
  if (options.password !== undefined || !(await hasSsh())) return "built-in";
  return (await needsOpenssh(options)) ? "openssh" : "built-in";
}

async function needsOpenssh(options: SshOptions): Promise<boolean> {
  let route: readonly Hop[];
  try {
    route = resolveRoute(options);
  } catch (error) {
    // ProxyCommand. Any other complaint is made again by the one who is chosen.
    return isProviderError(error, "unsupported");
  }
  const needs = await Promise.all(route.flatMap((hop) => [hostByAuthority(hop), userByCertificate(hop, options)]));
  return needs.includes(true);
}

const hostByAuthority = async (hop: Hop): Promise<boolean> => {
  const owner = { host: hop.hostKeyAlias ?? hop.host, port: hop.port, alias: hop.hostKeyAlias !== undefined };
  return hop.hostKeyCheck !== "off" && (await needsAuthority(owner, hop.knownHosts));
};

/** A certificate beside a key, or a key whose other half is on a device (`sk-…`). A key that was given is used as it is. */
async function userByCertificate(hop: Hop, options: SshOptions): Promise<boolean> {
  if (options.privateKey !== undefined) return false;
  if (hop.certificateFiles.length > 0) return true;
  const looks = hop.identityFiles.map(async (file) => {
    const [certificate, key] = await Promise.all([read(`${file}-cert.pub`), read(`${file}.pub`)]);
    return certificate !== undefined || key?.startsWith("sk-") === true;
  });
  return (await Promise.all(looks)).includes(true);
}

const read = (path: string): Promise<string | undefined> => readFile(path, "utf8").catch(() => undefined);

async function hasSsh(): Promise<boolean> {
  const places = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const looks = places.map((folder) =>
    access(join(folder, "ssh"), constants.X_OK).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(looks)).includes(true);
}
