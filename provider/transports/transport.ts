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

/** A transport whose other end is a login: whatever shell the host gives it, and the subsystems of its SSH server. */
export interface LoginTransport extends Transport {
  /**
   * Hands one command line to the login's shell as it is, and speaks with the command on its stdin and stdout. Which
   * shell that is need not be known as long as the line has only words of `A-Za-z0-9.:=+/-` and single spaces, which
   * POSIX shells, cmd and PowerShell all take unchanged. There may be output of the shell itself before the command's.
   * Errors as those of `pipe`; where the machine's own client speaks SSH a failed login is the stream's error.
   */
  exec(line: string, signal?: AbortSignal): Promise<Duplex>;
  /**
   * Opens a subsystem of the SSH server, such as `sftp`. `unsupported` when the server has none of that name; where the
   * machine's own client speaks SSH this and a failed login are the stream's error.
   */
  subsystem(name: string, signal?: AbortSignal): Promise<Duplex>;
}
