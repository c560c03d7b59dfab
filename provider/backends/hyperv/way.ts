import { open } from "node:fs/promises";
import type { Duplex } from "node:stream";
import { isProviderError } from "../../core/errors.js";
import type { HostSettings } from "../../core/settings.js";
import { localTransport } from "../../transports/local.js";
import { loginTransport } from "../../transports/login.js";
import { type Part, type PutOptions, Sftp } from "../../transports/sftp.js";
import type { LoginTransport } from "../../transports/transport.js";
import type { HostUri } from "./uri.js";

/** How programs are started on a host and how files get there. */
export interface Way {
  /** Starts a program, whose words every shell takes as they are, and speaks with it. */
  start(words: readonly string[]): Promise<Duplex>;
  /**
   * Writes a file from its start and returns its size; `path` as Windows spells it. `undefined`, before a part is
   * taken, when this way carries no files: the agent has to.
   */
  put(path: string, parts: AsyncIterable<Part>, options?: PutOptions): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Something between a program on the host and us, for tests. */
export type Through = (stream: Duplex, program: "agent" | "sftp") => Duplex;

interface WayOptions {
  readonly through?: Through | undefined;
  readonly keepaliveMs?: number | undefined;
}

/** The way to a host, over one SSH connection or on this machine. Nothing is opened before the first use. */
export const wayTo = (uri: HostUri, settings: HostSettings, options: WayOptions = {}): Way =>
  uri.transport === "local" ? localWay() : sshWay(uri, settings, options);

function localWay(): Way {
  const transport = localTransport();
  return { start: (words) => transport.pipe(words), put: putLocal, close: () => transport.close() };
}

async function putLocal(path: string, parts: AsyncIterable<Part>, { onProgress }: PutOptions = {}): Promise<number> {
  const file = await open(path, "w");
  try {
    let size = 0;
    for await (const part of parts) {
      if (part instanceof Uint8Array) await file.write(part, 0, part.length, size);
      size += part instanceof Uint8Array ? part.length : part.hole;
      onProgress?.(size);
    }
    await file.truncate(size);
    return size;
  } finally {
    await file.close();
  }
}

function sshWay(uri: HostUri, settings: HostSettings, { through = (stream) => stream, keepaliveMs }: WayOptions): Way {
  let transport: Promise<LoginTransport> | undefined;
  const login = () => {
    transport ??= loginTransport(uri, settings, keepaliveMs);
    return transport;
  };
  let hasSftp = true;
  return {
    start: async (words) => through(await (await login()).exec(words.join(" ")), "agent"),
    put: async (path, parts, options) => {
      const place = sftpPath(path);
      if (place === undefined || !hasSftp) return undefined;
      const sftp = await openSftp(await login(), through);
      hasSftp = sftp !== undefined;
      if (sftp === undefined) return undefined;
      try {
        return await sftp.put(place, parts, options);
      } finally {
        sftp.close();
      }
    },
    close: async () => (await transport)?.close(),
  };
}

/** `undefined` where the server has no sftp: it was removed, or a policy of the login forbids it. */
async function openSftp(login: LoginTransport, through: Through): Promise<Sftp | undefined> {
  try {
    return await Sftp.open(through(await login.subsystem("sftp"), "sftp"));
  } catch (error) {
    if (isProviderError(error, "unsupported")) return undefined;
    throw error;
  }
}

/** OpenSSH on Windows knows drives as folders of its root. It does not know shares. */
const sftpPath = (path: string): string | undefined =>
  /^[A-Za-z]:[\\/]/.test(path) ? `/${path.replaceAll("\\", "/")}` : undefined;
