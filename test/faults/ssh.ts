import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { startSshd } from "../ssh/sshd.js";

/** A way over a private SSH server that a proxy stands before. */
export interface SshWay {
  /** Configuration of a stack that reaches the daemon at that socket, there the driver of that URI (`qemu:///system`). */
  config(driver: string, socket: string): Readonly<Record<string, string>>;
  /** Every connection ends, without a goodbye. */
  cut(): void;
  /** Nothing moves any more on the present connections, and nothing is closed: as when a firewall forgot them. */
  silence(): void;
  /** Every connection ends; new ones are taken and passed on. */
  heal(): void;
  close(): Promise<void>;
}

/** Opens one. Needs what `sshdMissing` looks for. */
export async function sshWay(): Promise<SshWay> {
  const sshd = await startSshd();
  const open = new Set<Socket>();
  const silent = new Set<Socket>();
  const server = createServer((client) => {
    const inner = connect(sshd.port, "127.0.0.1");
    for (const [one, other] of [
      [client, inner],
      [inner, client],
    ] as const) {
      open.add(one);
      one.on("error", () => undefined).on("data", (bytes) => silent.has(one) || other.write(bytes));
      one.on("close", () => {
        open.delete(one);
        if (!silent.has(one)) other.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const one of open) one.destroy();
  };
  return {
    config: (driver, socket) => ({
      "crossvisor:uri": `${driver.replace(":///", `+ssh://${sshd.user}@127.0.0.1:${port}/`)}?socket=${socket}&no_verify=1`,
      "crossvisor:privateKey": readFileSync(sshd.clientKeyPath, "utf8"),
    }),
    cut,
    silence: () => {
      for (const one of open) silent.add(one);
    },
    heal: () => {
      silent.clear();
      cut();
    },
    close: async () => {
      cut();
      server.close();
      await sshd.stop();
    },
  };
}
