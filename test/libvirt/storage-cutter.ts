import { connect, createServer, type Socket } from "node:net";

/** A way to a daemon that loses answers. */
export interface Cutter {
  /** Socket to connect to instead of the daemon's. */
  readonly socket: string;
  /** The next answer to a call of this procedure is lost with its connection; resolves when that has happened. */
  lose(procedure: { readonly number: number }): Promise<void>;
  /** Ends all connections, as a network that is gone does. What was called goes on at the daemon. */
  cut(): void;
  close(): Promise<void>;
}

const HEADER = 28;
const REPLY = 1;

/** Passes everything on between clients of `socket` and the daemon at `target`, until an answer is to be lost. */
export async function cutter(target: string, socket: string): Promise<Cutter> {
  let lost: { readonly number: number; readonly done: () => void } | undefined;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const daemon = connect(target);
    for (const [one, other] of [
      [client, daemon],
      [daemon, client],
    ] as const) {
      open.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
    client.pipe(daemon);
    let rest = Buffer.alloc(0);
    daemon.on("data", (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= HEADER && rest.length >= rest.readUInt32BE(0)) {
        const frame = rest.subarray(0, rest.readUInt32BE(0));
        rest = rest.subarray(frame.length);
        if (lost !== undefined && frame.readUInt32BE(16) === REPLY && frame.readInt32BE(12) === lost.number) {
          const { done } = lost;
          lost = undefined;
          client.destroy();
          done();
          return;
        }
        client.write(frame);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    lose: ({ number }) =>
      new Promise((done) => {
        lost = { number, done };
      }),
    cut: () => {
      for (const one of open) one.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        for (const one of open) one.destroy();
        server.close(() => resolve());
      }),
  };
}
