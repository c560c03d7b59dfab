import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { startSshd } from "../ssh/sshd.js";

/** A way over a private SSH server that a proxy stands before. */
export interface SshWay {
  /** Configuration of a stack that reaches the daemon at that socket. */
  config(socket: string): Readonly<Record<string, string>>;
  /** Every connection ends, without a goodbye. */
  cut(): void;
  /** Nothing moves any more on the present connections, and nothing is closed. */
  silence(): void;
  heal(): void;
  close(): Promise<void>;
}

export async function sshWay(): Promise<SshWay> {
  const sshd = await startSshd();
  const open = new Set<Socket>();
  let silent = false;
  const server = createServer((client) => {
    const inner = connect(sshd.port, "127.0.0.1");
    for (const [one, other] of [
      [client, inner],
      [inner, client],
    ] as const) {
      open.add(one);
      one.on("error", () => undefined).on("data", (bytes) => silent || other.write(bytes));
      one.on("close", () => {
        open.delete(one);
        if (!silent) other.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const one of open) one.destroy();
  };
  return {
    config: (socket) => ({
      "crossvisor:uri": `qemu+ssh://${sshd.user}@127.0.0.1:${port}/system?socket=${socket}&no_verify=1`,
      "crossvisor:privateKey": readFileSync(sshd.clientKeyPath, "utf8"),
    }),
    cut,
    silence: () => {
      silent = true;
    },
    heal: () => {
      silent = false;
      cut();
    },
    close: async () => {
      cut();
      server.close();
      await sshd.stop();
    },
  };
}
