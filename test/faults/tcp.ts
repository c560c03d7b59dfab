import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A port before another one of this machine, whose connections end or fall silent on demand. */
export interface TcpProxy {
  readonly port: number;
  /** Every connection ends, without a goodbye. */
  cut(): void;
  /** Every connection ends, and nobody is let in until `heal`. */
  refuse(): void;
  /** Nothing moves any more on the present connections, and nothing is closed: as when a firewall forgot them. */
  silence(): void;
  /** Every connection ends; new ones are taken and passed on. */
  heal(): void;
  close(): void;
}

export async function tcpProxy(target: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  const silent = new Set<Socket>();
  let refusing = false;
  const server = createServer((client) => {
    if (refusing) return void client.destroy();
    const inner = connect(target, "127.0.0.1");
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
  const cut = () => {
    for (const one of open) one.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    refuse: () => {
      refusing = true;
      cut();
    },
    silence: () => {
      for (const one of open) silent.add(one);
    },
    heal: () => {
      refusing = false;
      silent.clear();
      cut();
    },
    close: () => {
      cut();
      server.close();
    },
  };
}
