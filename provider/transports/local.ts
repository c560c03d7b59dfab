import { spawn } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { connect as connectSocket, type Socket } from "node:net";
import { userInfo } from "node:os";
import type { Duplex } from "node:stream";
import { ProviderError } from "../core/errors.js";
import { untilAborted } from "./abort.js";
import { type Exit, exitError, joined, StderrTail } from "./joined.js";
import type { Transport } from "./transport.js";

/** Bytes to the machine this process runs on: unix sockets and child processes. */
export function localTransport(): Transport {
  const open = new Set<Duplex>();
  const keep = <T extends Duplex>(stream: T): T => {
    open.add(stream);
    stream.once("close", () => open.delete(stream));
    return stream;
  };
  return {
    connect: async (socketPath, signal) => {
      const opening = openSocket(socketPath);
      return keep(await untilAborted(opening, `opening ${socketPath}`, signal, (late) => late.destroy()));
    },
    pipe: async (command, signal) => {
      const opening = openCommand(command);
      return keep(await untilAborted(opening, `starting ${command[0]}`, signal, (late) => late.destroy()));
    },
    close: async () => {
      for (const stream of open) stream.destroy();
    },
  };
}

const openSocket = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connectSocket(path);
    const failed = (error: NodeJS.ErrnoException): void => {
      socketError(path, error).then(reject, reject);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.removeListener("error", failed);
      // It may fail before its user listens; that must not end the process.
      socket.on("error", () => {});
      resolve(socket);
    });
  });

async function socketError(path: string, error: NodeJS.ErrnoException): Promise<ProviderError> {
  const cause = error;
  switch (error.code) {
    case "ENOENT":
    case "ENOTDIR":
      return new ProviderError("not-found", `there is no socket ${path}`, {
        hint: "Start the daemon that listens there (and enable it, so that it comes back after a boot), or name another socket.",
        cause,
      });
    case "EACCES":
    case "EPERM":
      return new ProviderError("denied", `no permission to use the socket ${path}`, {
        hint: await accessHint(path),
        cause,
      });
    case "ECONNREFUSED":
      return new ProviderError("unreachable", `nobody listens on the socket ${path}`, {
        hint: "Start the daemon that owns it: the file is left over from an earlier run, or is no socket.",
        cause,
      });
    case "EAGAIN":
      return new ProviderError("busy", `the daemon behind ${path} takes no more connections now`, { cause });
    default:
      return new ProviderError("unreachable", `the socket ${path} cannot be opened (${error.code ?? error.message})`, {
        cause,
      });
  }
}

/** Names the group that may use the socket, where the socket can be seen and its mode lets the group in. */
async function accessHint(path: string): Promise<string> {
  const user = localUser();
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return `Let ${user} enter the directories above the socket, or run as root.`;
  const group = await groupName(info.gid);
  const groupMayWrite = (info.mode & 0o020) !== 0 && info.gid !== 0;
  if (!groupMayWrite) return `Only its owner (uid ${info.uid}) may use it: run as that user or as root.`;
  return `Add ${user} to the group ${group} (sudo usermod -aG ${group} ${user}, then log in again), or run as root.`;
}

async function groupName(gid: number): Promise<string> {
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const line = groups.split("\n").find((entry) => entry.split(":")[2] === String(gid));
  return line?.split(":")[0] ?? String(gid);
}

/** The name of the user this process runs as; `uid N` where the system knows no name for it. */
export function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env["USER"] ?? `uid ${process.getuid?.() ?? "?"}`;
  }
}

function openCommand(command: readonly string[]): Promise<Duplex> {
  const [program, ...args] = command;
  if (program === undefined) throw new ProviderError("bug", "a command without words");
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    const stderr = new StderrTail(child.stderr);
    const ended = new Promise<Exit>((done) => {
      child.once("close", (code, signal) => done({ code, signal, stderr: stderr.text }));
    });
    child.once("error", (error: NodeJS.ErrnoException) => {
      const code = error.code === "ENOENT" ? 127 : error.code === "EACCES" ? 126 : null;
      reject(exitError(program, { code, signal: null, stderr: code === null ? error.message : "" }));
    });
    child.once("spawn", () => {
      const close = (): void => {
        child.kill();
      };
      const verdict = async (): Promise<ProviderError | undefined> => exitError(program, await ended);
      resolve(joined({ input: child.stdin, output: child.stdout, close, verdict }));
    });
  });
}
