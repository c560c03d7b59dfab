import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { checkServerIdentity, connect, createSecureContext, type PeerCertificate, type TLSSocket } from "node:tls";
import { ProviderError } from "../core/errors.js";
import { type Endpoint, endpointName, openTcp, TCP_TIMEOUT, tcpError } from "./tcp.js";

/** A PEM text and where it came from, for messages: a path or the name of a setting. */
export interface Pem {
  readonly text: string;
  readonly from: string;
}

/** How to prove who is who. */
export interface TlsOptions extends Endpoint {
  /** Authorities that may have signed the server's certificate. */
  readonly ca: Pem | undefined;
  /** What this side shows; absent, it shows nothing. */
  readonly client: { readonly cert: Pem; readonly key: Pem } | undefined;
  /** False: neither the server's certificate nor its name is looked at. */
  readonly verify: boolean;
}

/**
 * Opens a TLS connection (1.2 or newer), with the server's certificate verified.
 *
 * Errors: `invalid` (a certificate or key of this side), `denied` (the server is not who it should be, or refuses our
 * certificate), `unsupported` (it does not speak TLS), `unreachable`, `timeout`.
 */
export async function openTls(options: TlsOptions): Promise<TLSSocket> {
  const secureContext = contextOf(options);
  const socket = await openTcp(options);
  return new Promise((resolve, reject) => {
    const tls = connect({
      socket,
      secureContext,
      // Server name indication is for names only (RFC 6066).
      ...(isIP(options.host) === 0 ? { servername: options.host } : {}),
      rejectUnauthorized: options.verify,
      checkServerIdentity: (_name, certificate) => nameError(options.host, certificate),
    });
    const failed = (error: NodeJS.ErrnoException): void => {
      tls.destroy();
      reject(tlsError(options, error));
    };
    const timer = setTimeout(
      () => failed(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })),
      options.timeout ?? TCP_TIMEOUT,
    );
    tls.once("error", failed);
    tls.once("close", () => clearTimeout(timer));
    tls.once("secureConnect", () => {
      clearTimeout(timer);
      tls.removeListener("error", failed);
      tls.on("error", () => {});
      resolve(tls);
    });
  });
}

function contextOf({ ca, client }: TlsOptions) {
  for (const pem of [ca, client?.cert]) if (pem !== undefined) certificateOf(pem);
  if (client !== undefined) checkDates(client.cert);
  try {
    return createSecureContext({ ca: ca?.text ?? [], cert: client?.cert.text, key: client?.key.text });
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const mismatch = /values mismatch/i.test(said);
    const key = client?.key.from ?? "the client key";
    throw new ProviderError(
      "invalid",
      mismatch
        ? `the key in ${key} does not belong to the certificate in ${client?.cert.from}`
        : `${key} holds no usable key`,
      { hint: "Give the private key of the client certificate as PEM, without a passphrase.", cause },
    );
  }
}

function certificateOf({ text, from }: Pem): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (cause) {
    throw new ProviderError("invalid", `${from} holds no certificate`, {
      hint: "Give it as PEM: -----BEGIN CERTIFICATE----- and so on.",
      cause,
    });
  }
}

/** A certificate that is out of its time would only be refused by the other side, without a reason. */
function checkDates(pem: Pem): void {
  const { validFrom, validTo } = certificateOf(pem);
  const now = Date.now();
  if (Date.parse(validTo) < now)
    throw new ProviderError("invalid", `the client certificate in ${pem.from} has expired (${validTo})`, {
      hint: "Have a new one issued by the authority that the host trusts.",
    });
  if (Date.parse(validFrom) > now)
    throw new ProviderError("invalid", `the client certificate in ${pem.from} is not valid before ${validFrom}`, {
      hint: "Check the clock of this machine.",
    });
}

/**
 * GnuTLS, and so libvirt, also takes an address that a certificate has as a DNS name, or as its common name where it has
 * no DNS names (gnutls_x509_crt_check_hostname2); Node does not.
 */
function nameError(host: string, certificate: PeerCertificate): Error | undefined {
  const error = checkServerIdentity(host, certificate);
  if (error === undefined || isIP(host) === 0) return error;
  const names = [...(certificate.subjectaltname ?? "").matchAll(/DNS:([^,]+)/g)].map(([, name = ""]) => name.trim());
  const taken = names.length > 0 ? names : [certificate.subject?.CN].flat();
  return taken.includes(host) ? undefined : error;
}

const untrusted = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_GET_ISSUER_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
  "CERT_UNTRUSTED",
]);

/** What a failure of the handshake, or after it, means. */
export function tlsError(options: TlsOptions, error: NodeJS.ErrnoException): ProviderError {
  const name = endpointName(options);
  const { code = "", message } = error;
  const denied = (fact: string, hint: string): ProviderError =>
    new ProviderError("denied", fact, { hint, cause: error });
  if (untrusted.has(code))
    return denied(
      `the certificate of ${name} was not issued by the authority in ${options.ca?.from ?? "use"}`,
      "Take the CA certificate that issued the host's server certificate.",
    );
  if (code === "CERT_HAS_EXPIRED")
    return denied(
      `the certificate of ${name} has expired`,
      "Renew it on the host (/etc/pki/libvirt/servercert.pem) and restart its libvirt.",
    );
  if (code === "CERT_NOT_YET_VALID")
    return denied(`the certificate of ${name} is not valid yet`, "Check the clocks of both machines.");
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return denied(
      `the certificate of ${name} is for another name (${namesOf(error)})`,
      "Use a name of the certificate in the URI, or issue one with this name.",
    );
  if (
    /alert (bad certificate|unknown ca|certificate|access denied)|alert number 4[2-9]|CERTIFICATE_REQUIRED/i.test(
      message,
    )
  )
    return refusedClient(options, error);
  if (
    code === "EPROTO" ||
    /wrong version number|packet length too long|unexpected message/i.test(message) ||
    /SSL/.test(code)
  )
    return new ProviderError(
      "unsupported",
      `${name} does not speak TLS as it should (${message.split(":").at(-1)?.trim() || message})`,
      {
        hint: "Use the port of libvirt's TLS socket (16514), not that of plain TCP (16509) or of another service.",
        cause: error,
      },
    );
  if (code === "ECONNRESET" || /disconnected before secure/i.test(message))
    return new ProviderError("unsupported", `${name} ended the connection in the middle of the TLS handshake`, {
      hint: "Check that libvirt's TLS socket is behind this port (16514), and that the host's server certificate is complete.",
      cause: error,
    });
  return tcpError(options, error);
}

/** The server does not take the certificate that this side showed, or did not show. */
export function refusedClient(options: TlsOptions, cause?: unknown): ProviderError {
  const shown =
    options.client === undefined
      ? "no client certificate was found, and it asks for one"
      : `the client certificate in ${options.client.cert.from} is not one that it takes`;
  return new ProviderError("denied", `${endpointName(options)} refuses this client: ${shown}`, {
    hint: "The host must trust the authority that issued it (/etc/pki/CA/cacert.pem there) and list it in tls_allowed_dn_list, if that is set; its log says which.",
    cause,
  });
}

const namesOf = (error: Error & { cert?: PeerCertificate }): string =>
  error.cert?.subjectaltname ?? [error.cert?.subject?.CN].flat().join(", ");
