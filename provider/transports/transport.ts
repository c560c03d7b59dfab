import type { Duplex } from "node:stream";

/**
 * A way to carry bytes to a host.
 *
 * Streams returned here are ordinary `Duplex` streams: `destroy()` closes them, and when the way to the host is lost
 * they fail with a `ProviderError` of code `dropped` (a local socket with Node's own error). A failure before anybody
 * listens does not end the process: look at `destroyed` and `errored`. An `AbortSignal` stops the opening only, never
 * an open stream.
 */
export interface Transport {
  /**
   * Opens a byte stream to a unix socket on the host.
   *
   * Errors: `not-found` (no such socket), `denied` (no permission, or the login failed), `unreachable` (nobody listens,
   * or the host does not answer), `unsupported` (the host does not forward sockets: try `pipe`), `timeout`.
   */
  connect(socketPath: string, signal?: AbortSignal): Promise<Duplex>;
  /**
   * Starts a command on the host and speaks with it on its stdin and stdout.
   *
   * The words of `command` reach the program unchanged; no shell expands them. A command that ends with a status other
   * than 0 makes the stream fail, after its output, with what it wrote to stderr: `not-found` (status 127), `denied`
   * (126), else `failed`.
   */
  pipe(command: readonly string[], signal?: AbortSignal): Promise<Duplex>;
  /** Closes every stream and connection. The transport opens a new connection when it is used again. */
  close(): Promise<void>;
}
