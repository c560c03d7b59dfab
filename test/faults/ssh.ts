import { readFileSync } from "node:fs";
import { startSshd } from "../ssh/sshd.js";
import { type TcpProxy, tcpProxy } from "./tcp.js";

/** A way over a private SSH server that a proxy stands before. */
export interface SshWay extends Pick<TcpProxy, "cut" | "silence" | "heal"> {
  /** Configuration of a stack that reaches the daemon at that socket, there the driver of that URI (`qemu:///system`). */
  config(driver: string, socket: string): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Opens one. Needs what `sshdMissing` looks for. */
export async function sshWay(): Promise<SshWay> {
  const sshd = await startSshd();
  const { port, cut, silence, heal, close } = await tcpProxy(sshd.port);
  return {
    config: (driver, socket) => ({
      "crossvisor:uri": `${driver.replace(":///", `+ssh://${sshd.user}@127.0.0.1:${port}/`)}?socket=${socket}&no_verify=1`,
      "crossvisor:privateKey": readFileSync(sshd.clientKeyPath, "utf8"),
    }),
    cut,
    silence,
    heal,
    close: async () => {
      close();
      await sshd.stop();
    },
  };
}
