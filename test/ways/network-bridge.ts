import { spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import type { LibvirtHost } from "../hosts/libvirtd.js";

/** Copies between stdin, stdout and a port of 127.0.0.1. */
const COPY =
  'const s=require("node:net").connect(Number(process.argv[1]),"127.0.0.1");s.on("error",()=>process.exit(1));process.stdin.pipe(s);s.pipe(process.stdout);s.on("close",()=>process.exit(0))';

/** A port of this machine that leads to a port inside the private host, whose network is its own. */
export async function bridge(
  host: LibvirtHost,
  port: number,
  address = "127.0.0.1",
): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const words = ["--target", String(host.pid), "--net", "--", process.execPath, "-e", COPY, String(port)];
    const child = spawn("nsenter", words, { stdio: ["pipe", "pipe", "ignore"] });
    socket.on("error", () => child.kill());
    socket.on("close", () => child.kill());
    child.on("close", () => socket.destroy());
    child.stdin.on("error", () => {});
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const bound = server.address();
  return { port: typeof bound === "object" && bound !== null ? bound.port : 0, server };
}
