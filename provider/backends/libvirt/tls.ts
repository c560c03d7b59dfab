import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { ProviderError } from "../../core/errors.js";
import type { HostSettings } from "../../core/settings.js";
import { joined } from "../../transports/joined.js";
import { localUser } from "../../transports/local.js";
import { openTls, type Pem, refusedClient, type TlsOptions } from "../../transports/tls.js";
import type { HostUri } from "./uri.js";

/** libvirt's ports (remote_protocol.x): TLS and plain TCP. */
export const TLS_PORT = 16514;
export const TCP_PORT = 16509;

/** Milliseconds in which the daemon must say that it takes our certificate. */
const VERDICT = 20_000;

/**
 * A connection to a daemon over TLS, ready for the first call. Each write becomes TLS records of its own: the daemon takes
 * one message, then waits for the socket, and does not see a second one that came in the same record (its
 * `virNetSocketHasCachedData` knows nothing of TLS; seen with 9.0). Node merges writes that wait.
 */
export async function dialTls(uri: HostUri, settings: HostSettings): Promise<Duplex> {
  const options: TlsOptions = {
    host: uri.host ?? "",
    port: uri.port ?? TLS_PORT,
    verify: !uri.noVerify,
    ...(await credentials(uri, settings)),
  };
  const socket = await openTls(options);
  await accepted(socket, options);
  return joined({ input: socket, output: socket, close: () => socket.destroy() });
}

/** After the handshake the daemon looks at our certificate and sends one byte, 1, or closes (virNetServerClientCheckAccess). */
function accepted(socket: TLSSocket, options: TlsOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (error?: ProviderError): void => {
      clearTimeout(timer);
      socket.off("readable", look).off("end", closed).off("close", closed).off("error", closed);
      if (error === undefined) resolve();
      else {
        socket.destroy();
        reject(error);
      }
    };
    const closed = (cause?: unknown): void => stop(refusedClient(options, cause));
    const look = (): void => {
      const byte: Buffer | null = socket.read(1);
      if (byte === null) return;
      stop(
        byte[0] === 1
          ? undefined
          : new ProviderError("unsupported", `${options.host} speaks TLS on port ${options.port}, and is no libvirt`, {
              hint: "Set the port of libvirt's TLS socket; it is 16514 by default.",
            }),
      );
    };
    const timer = setTimeout(
      () =>
        stop(
          new ProviderError("timeout", `${options.host} did not say whether it takes the client certificate`, {
            hint: "Check that it is libvirt that listens on this port.",
          }),
        ),
      VERDICT,
    );
    socket.on("readable", look).on("end", closed).on("close", closed).on("error", closed);
    look();
  });
}

/** Settings win, then `pkipath=`, then the user's folder (not for root), then the system's (virnettlscontext.c). */
async function credentials(uri: HostUri, settings: HostSettings): Promise<Pick<TlsOptions, "ca" | "client">> {
  const own = homedir() === "" || process.getuid?.() === 0 ? [] : [flat(join(homedir(), ".pki/libvirt"))];
  const places = uri.pkipath === undefined ? [...own, SYSTEM] : [flat(uri.pkipath)];
  return { ca: await authority(uri, settings, places), client: await client(settings, places) };
}

interface Place {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const flat = (folder: string): Place => ({
  ca: join(folder, "cacert.pem"),
  cert: join(folder, "clientcert.pem"),
  key: join(folder, "clientkey.pem"),
});

const SYSTEM: Place = {
  ca: "/etc/pki/CA/cacert.pem",
  cert: "/etc/pki/libvirt/clientcert.pem",
  key: "/etc/pki/libvirt/private/clientkey.pem",
};

async function authority(uri: HostUri, { caCert }: HostSettings, places: readonly Place[]): Promise<Pem | undefined> {
  if (caCert !== undefined) return { text: caCert, from: "crossvisor:caCert" };
  for (const { ca } of places) {
    const found = await readPem(ca);
    if (found !== undefined) return found;
  }
  if (uri.noVerify) return undefined;
  throw new ProviderError(
    "not-found",
    `there is no CA certificate to check the host with: ${places.map(({ ca }) => ca).join(" and ")} do not exist`,
    {
      hint: "Put the certificate of the authority there, name its folder with ?pkipath=, or set crossvisor:caCert.",
    },
  );
}

/** Certificate and key come as a pair from one place. Without any, none is shown; the host then decides. */
async function client(settings: HostSettings, places: readonly Place[]): Promise<TlsOptions["client"]> {
  const { clientCert, clientKey } = settings;
  if ((clientCert === undefined) !== (clientKey === undefined))
    throw new ProviderError(
      "invalid",
      `crossvisor:${clientCert === undefined ? "clientCert" : "clientKey"} is missing`,
      {
        hint: "A client certificate and its key are set together, or neither.",
      },
    );
  if (clientCert !== undefined && clientKey !== undefined)
    return {
      cert: { text: clientCert, from: "crossvisor:clientCert" },
      key: { text: clientKey, from: "crossvisor:clientKey" },
    };
  for (const place of places) {
    const cert = await readPem(place.cert);
    const key = cert === undefined ? undefined : await readPem(place.key);
    if (cert !== undefined && key !== undefined) return { cert, key };
    if (cert !== undefined && place === places.at(-1))
      throw new ProviderError("not-found", `there is a client certificate ${place.cert} and no key ${place.key}`, {
        hint: "Put the private key of the certificate there, as PEM.",
      });
  }
  return undefined;
}

/** `undefined` when there is no such file. */
async function readPem(path: string): Promise<Pem | undefined> {
  try {
    return { text: await readFile(path, "utf8"), from: path };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new ProviderError("denied", `${path} cannot be read by ${localUser()} (${code ?? "unknown reason"})`, {
      hint: "Let the user who runs Pulumi read it, or set crossvisor:caCert, clientCert and clientKey.",
      cause: error,
    });
  }
}
