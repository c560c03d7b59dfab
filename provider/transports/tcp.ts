import { connect, isIP, type Socket } from "node:net";
import { ProviderError } from "../core/errors.js";

/** Milliseconds until a connection must stand, unless the caller says otherwise. */
export const TCP_TIMEOUT = 20_000;

/** Where somebody listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Milliseconds. Default: `TCP_TIMEOUT`. */
  readonly timeout?: number | undefined;
}

/** `host:port`, with brackets around an IPv6 address. */
export const endpointName = ({ host, port }: Endpoint): string => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;

/** Opens a TCP connection. Errors: `unreachable`, `timeout`, with the remedy. */
export function openTcp(endpoint: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true });
    socket.setTimeout(endpoint.timeout ?? TCP_TIMEOUT);
    const failed = (error: NodeJS.ErrnoException): void => {
      socket.destroy();
      reject(tcpError(endpoint, error));
    };
    const late = (): void => failed(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" }));
    socket.once("error", failed);
    socket.once("timeout", late);
    socket.once("connect", () => {
      socket.removeListener("error", failed);
      socket.removeListener("timeout", late);
      socket.setTimeout(0);
      socket.setKeepAlive(true, 15_000);
      // It may fail before its user listens; that must not end the process.
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

/** What a failure of the connection means. */
export function tcpError(endpoint: Endpoint, error: NodeJS.ErrnoException): ProviderError {
  const { host, port } = endpoint;
  const cause = error;
  switch (error.code) {
    case "ECONNREFUSED":
      return new ProviderError("unreachable", `${host} refuses connections on port ${port}`, {
        hint: "Let the daemon listen there (libvirtd-tls.socket, or libvirtd --listen), or set the right port.",
        cause,
      });
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new ProviderError("unreachable", `the name ${host} cannot be resolved`, {
        hint: "Check the spelling and DNS.",
        cause,
      });
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return new ProviderError("unreachable", `there is no route to ${host}`, {
        hint: "Check that the host is up and that the network or VPN leads to it.",
        cause,
      });
    case "ETIMEDOUT":
      return new ProviderError("timeout", `${endpointName(endpoint)} did not answer in time`, {
        hint: `Check that the host is up and that no firewall drops port ${port}.`,
        cause,
      });
    default:
      return new ProviderError("unreachable", `the connection to ${endpointName(endpoint)} failed (${error.message})`, {
        cause,
      });
  }
}
