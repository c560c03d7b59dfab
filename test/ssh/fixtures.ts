import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { ProviderError } from "../../provider/core/errors.js";
import type { SshOptions } from "../../provider/transports/ssh.js";
import type { Sshd } from "./sshd.js";

/** Options that reach the server and read nothing of the user who runs the tests. */
export const optionsFor = (sshd: Sshd, more: Partial<SshOptions> = {}): SshOptions => ({
  host: "127.0.0.1",
  port: sshd.port,
  user: sshd.user,
  identityFiles: [sshd.clientKeyPath],
  agent: "none",
  knownHosts: sshd.hostKeyLine,
  configFile: "none",
  ...more,
});

export interface Echo {
  readonly path: string;
  /** Connections accepted so far. */
  accepted(): number;
  stop(): Promise<void>;
}

/** A unix socket that sends back what it gets. */
export async function startEcho(path: string): Promise<Echo> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    path,
    accepted: () => accepted,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      rmSync(path, { force: true });
    },
  };
}

/** Writes, ends the writing side, and returns all that came back. */
export async function exchange(stream: Duplex, text: string | Buffer): Promise<Buffer> {
  const parts: Buffer[] = [];
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.end(text);
  await once(stream, "end");
  return Buffer.concat(parts);
}

/** The ProviderError a step fails with. */
export async function failure(step: Promise<unknown>): Promise<ProviderError> {
  try {
    await step;
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
