import type { Duplex } from "node:stream";
import type { Client, ClientChannel } from "ssh2";
import { ProviderError } from "../core/errors.js";
import { untilAborted } from "./abort.js";
import { type Exit, exitError, joined, StderrTail } from "./joined.js";
import { opensshTransport } from "./openssh.js";
import { firstWord, quoted } from "./quoted.js";
import { chooseClient } from "./ssh-client.js";
import { type Dialled, dial } from "./ssh-dial.js";
import { nameOf, noSubsystem } from "./ssh-errors.js";
import { type Hop, resolveRoute, type SshOptions } from "./ssh-options.js";
import type { LoginTransport } from "./transport.js";

export type { HostKeyCheck } from "./host-key.js";
export type { SshOptions } from "./ssh-options.js";

/**
 * Bytes to a host over one SSH connection, which is made at the first use, shared by all streams and made anew when it
 * is dead. Configuration and known hosts are read at each dialling.
 */
export function sshTransport(options: SshOptions): LoginTransport {
  let chosen: Promise<LoginTransport> | undefined;
  const open = (): Promise<LoginTransport> => {
    chosen ??= chooseClient(options).then((client) =>
      client === "openssh" ? opensshTransport(options) : builtInTransport(options),
    );
    return chosen;
  };
  return {
    connect: async (socketPath, signal) => (await open()).connect(socketPath, signal),
    pipe: async (command, signal) => (await open()).pipe(command, signal),
    exec: async (line, signal) => (await open()).exec(line, signal),
    subsystem: async (name, signal) => (await open()).subsystem(name, signal),
    close: async () => {
      const last = chosen;
      chosen = undefined;
      await (await last?.catch(() => undefined))?.close();
    },
  };
}

function builtInTransport(options: SshOptions): LoginTransport {
  const connection = new Connection(options);
  const exec = (line: string, program: string, signal: AbortSignal | undefined): Promise<Duplex> =>
    connection.open(program, signal, (link) => openCommand(link, line, program));
  return {
    connect: (socketPath, signal) => connection.open(socketPath, signal, (link) => openSocket(link, socketPath)),
    pipe: (command, signal) => exec(quoted(command), command[0] ?? "", signal),
    exec: (line, signal) => exec(line, firstWord(line), signal),
    subsystem: (name, signal) => connection.open(name, signal, (link) => openSubsystem(link, name)),
    close: async () => connection.close(),
  };
}

/** A live connection and the streams on it. */
interface Link extends Dialled {
  readonly hop: Hop;
  readonly streams: Set<Duplex>;
  /** Why the connection is no more, once it is no more. */
  gone: ProviderError | undefined;
}

class Connection {
  readonly #options: SshOptions;
  #link: Promise<Link> | undefined;
  #dialling = new AbortController();

  constructor(options: SshOptions) {
    this.#options = options;
  }

  async open(what: string, signal: AbortSignal | undefined, step: (link: Link) => Promise<Duplex>): Promise<Duplex> {
    const opening = this.#live().then((link) => step(link).catch((error) => Promise.reject(openError(link, error))));
    return untilAborted(opening, `opening ${what} on ${this.#options.host}`, signal, (late) => late.destroy());
  }

  async close(): Promise<void> {
    const last = this.#link;
    this.#link = undefined;
    this.#dialling.abort();
    const link = await last?.catch(() => undefined);
    if (link === undefined) return;
    for (const stream of link.streams) stream.destroy();
    link.close();
  }

  #live(): Promise<Link> {
    if (this.#link !== undefined) return this.#link;
    this.#dialling = new AbortController();
    const link = dialLink(this.#options, this.#dialling.signal);
    this.#link = link;
    const forget = (): void => {
      if (this.#link === link) this.#link = undefined;
    };
    link.then(({ client }) => client.once("close", forget), forget);
    return link;
  }
}

async function dialLink(options: SshOptions, signal: AbortSignal): Promise<Link> {
  const route = resolveRoute(options);
  const hop = route.at(-1);
  if (hop === undefined) throw new ProviderError("bug", "a route without hosts");
  const dialled = await dial(route, signal);
  const link: Link = { ...dialled, hop, streams: new Set(), gone: undefined };
  dialled.client.on("error", (error) => {
    link.gone ??= lost(hop, error);
  });
  dialled.client.once("close", () => {
    link.gone ??= lost(hop, undefined);
    for (const stream of link.streams) stream.destroy(link.gone);
    link.close();
  });
  return link;
}

/** ssh2 throws "Not connected" and answers "No response from server" when the connection ends while a stream opens. */
const openError = (link: Link, error: unknown): ProviderError => {
  if (link.gone !== undefined) return link.gone;
  return error instanceof ProviderError ? error : lost(link.hop, error instanceof Error ? error : undefined);
};

const lost = (hop: Hop, reason: Error | undefined): ProviderError =>
  new ProviderError("dropped", `the SSH connection to ${nameOf(hop)} was lost${reason ? ` (${reason.message})` : ""}`, {
    hint: "Check the network and the SSH server of the host, then run again.",
    cause: reason,
  });

function keep(link: Link, stream: Duplex): Duplex {
  link.streams.add(stream);
  stream.once("close", () => link.streams.delete(stream));
  return stream;
}

async function openSocket(link: Link, path: string): Promise<Duplex> {
  const opened = await new Promise<ClientChannel | Error>((resolve) => {
    link.client.openssh_forwardOutStreamLocal(path, (error, channel) => resolve(error ?? channel));
  });
  if (opened instanceof Error) throw link.gone ?? (await forwardError(link, path, opened));
  return keep(link, joined({ input: opened, output: opened, close: () => opened.destroy() }));
}

/**
 * sshd answers "open failed" alike when forwarding is off, the socket is missing, or may not be used. So the socket is
 * looked at with a command: its exit status tells which of these it is.
 */
async function forwardError(link: Link, path: string, cause: Error): Promise<ProviderError> {
  const name = nameOf(link.hop);
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  const look = 'test -d "$2" && ! test -x "$2" && exit 43; test -S "$1" || exit 44; test -w "$1" || exit 43; exit 42';
  const status = await exitStatus(link.client, ["sh", "-c", look, "sh", path, folder]);
  if (status === 44) {
    return new ProviderError("not-found", `there is no socket ${path} on ${name}`, {
      hint: "Start the daemon that listens there, or name another socket.",
      cause,
    });
  }
  if (status === 43) {
    return new ProviderError("denied", `${name} has no permission to use the socket ${path}`, {
      hint: `Add the user to the group of the socket (ls -l ${path} shows it), or log in as root.`,
      cause,
    });
  }
  const seen = status === 42 ? "though it is there" : "and it cannot be seen whether it is there";
  return new ProviderError("unsupported", `${name} does not open the socket ${path}, ${seen}`, {
    hint: "Set AllowStreamLocalForwarding yes in its sshd_config, or check that a daemon listens on the socket.",
    cause,
  });
}

const exitStatus = (client: Client, command: readonly string[]): Promise<number | undefined> =>
  new Promise((resolve) => {
    client.exec(quoted(command), (error, channel) => {
      if (error) return resolve(undefined);
      let status: number | undefined;
      channel.on("exit", (code: number | null) => {
        status = code ?? undefined;
      });
      channel.on("close", () => resolve(status));
      channel.resume();
      channel.stderr.resume();
      channel.end();
    });
  });

async function openSubsystem(link: Link, name: string): Promise<Duplex> {
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    link.client.subsys(name, (error, opened) => {
      if (error === undefined) return resolve(opened);
      reject(link.gone ?? noSubsystem(nameOf(link.hop), name, error));
    });
  });
  channel.stderr.resume();
  return keep(link, joined({ input: channel, output: channel, close: () => channel.destroy() }));
}

async function openCommand(link: Link, line: string, program: string): Promise<Duplex> {
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    link.client.exec(line, (error, opened) => {
      if (error === undefined) return resolve(opened);
      const hint =
        "The login must allow commands (no ForceCommand), and MaxSessions of sshd_config limits how many run at a time (10 by default).";
      reject(
        new ProviderError("unsupported", `${nameOf(link.hop)} does not start ${program} (${error.message})`, {
          hint,
          cause: error,
        }),
      );
    });
  });
  const stderr = new StderrTail(channel.stderr);
  let ended: { readonly code: number | null; readonly signal: string | null } = { code: null, signal: null };
  channel.on("exit", (code: number | null, signal?: string) => {
    ended = { code, signal: signal ?? null };
  });
  const exit = new Promise<Exit>((resolve) => {
    channel.once("close", () => resolve({ ...ended, stderr: stderr.text }));
  });
  const verdict = async (): Promise<ProviderError | undefined> => exitError(program, await exit);
  return keep(link, joined({ input: channel, output: channel, close: () => channel.destroy(), verdict }));
}
