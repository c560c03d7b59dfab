// The sftp-server of the host: a program of its own between the client and OpenSSH's sftp-server. It makes the paths of
// Windows' one, /C:/Users/…, from what clients write (C:/…, C:\…, relative ones), and leaves all else as it is.
//   node sftp.ts HOME SERVER          HOME is what relative paths begin at, such as /C:/Users/Administrator
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";

const [, , home = "/", server = ""] = process.argv;

/** How many paths stand first in a request of that type (draft-ietf-secsh-filexfer-02, section 6). */
const pathsOf: Readonly<Record<number, number>> = {
  3: 1, // open
  7: 1, // lstat
  9: 1, // setstat
  11: 1, // opendir
  13: 1, // remove
  14: 1, // mkdir
  15: 1, // rmdir
  16: 1, // realpath
  17: 1, // stat
  18: 2, // rename
  19: 1, // readlink
  20: 2, // symlink
};
/** The same of extended requests, by name; their paths stand behind the name. */
const extendedPaths: Readonly<Record<string, number>> = {
  "posix-rename@openssh.com": 2,
  "hardlink@openssh.com": 2,
  "statvfs@openssh.com": 1,
  "lsetstat@openssh.com": 1,
  "expand-path@openssh.com": 1,
};
const extended = 200;

const toWindows = (path: string): string => {
  const slashes = path.replace(/\\/g, "/");
  if (/^\/?[A-Za-z]:/.test(slashes)) return `/${slashes.replace(/^\//, "")}`;
  if (slashes === "/") return "/";
  return slashes.startsWith("/") ? `/C:${slashes}` : `${home}/${slashes === "." ? "" : slashes}`.replace(/\/$/, "");
};

const string = (bytes: Buffer): Buffer => Buffer.concat([word(bytes.length), bytes]);
const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** A packet of the client with its paths rewritten. */
const rewrite = (packet: Buffer): Buffer => {
  const type = packet[0] ?? 0;
  let at = 5;
  const take = (): Buffer => {
    const length = packet.readUInt32BE(at);
    at += 4 + length;
    return packet.subarray(at - length, at);
  };
  const name = type === extended ? take() : undefined;
  const count = name === undefined ? pathsOf[type] : extendedPaths[name.toString()];
  if (count === undefined) return packet;
  const head = [packet.subarray(0, 5), ...(name === undefined ? [] : [string(name)])];
  const paths = Array.from({ length: count }, () => string(Buffer.from(toWindows(take().toString()))));
  return Buffer.concat([...head, ...paths, packet.subarray(at)]);
};

/** Hands each whole packet of a stream to `use`. */
const packets = (stream: Readable, use: (packet: Buffer) => void): void => {
  let rest: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      use(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  });
};

const child = spawn(server, ["-e"], { stdio: ["pipe", "inherit", "inherit"] });
packets(process.stdin, (packet) => {
  if (!child.stdin.write(string(rewrite(packet)))) {
    process.stdin.pause();
    child.stdin.once("drain", () => process.stdin.resume());
  }
});
process.stdin.once("end", () => child.stdin.end());
child.once("exit", (code) => process.exit(code ?? 1));
