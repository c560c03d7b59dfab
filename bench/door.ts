import { connect, createServer, type Socket } from "node:net";
import { FrameSplitter } from "../provider/backends/libvirt/rpc/frames.js";
import { decodeHeader, HEADER, MessageType, Program, Status } from "../provider/backends/libvirt/rpc/wire.js";

/** A socket in front of a daemon's that counts what passes. */
export interface Door {
  readonly socket: string;
  /** Calls since it was asked last, without those that open and close a connection. */
  calls(): number;
  close(): Promise<void>;
}

/** Procedures of src/remote/remote_protocol.x: open, close, auth list. */
const OPENING = new Set([1, 2, 66]);
const CAPABILITIES = 7;

/**
 * Opens a door at the path `socket`. It adds a machine type to the capabilities of a daemon that names none, as the one of
 * libvirt's test driver: terraform-provider-libvirt refuses to read any domain there otherwise. Everything else passes as
 * it is, and everybody who is measured goes through the same door.
 */
export async function openDoor(daemon: string, socket: string): Promise<Door> {
  let calls = 0;
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    const inner = connect(daemon);
    clients.add(client);
    const toDaemon = new FrameSplitter((frame) => {
      const { program, procedure, type } = decodeHeader(frame);
      const opens = program === Program.remote && OPENING.has(procedure);
      if (program !== Program.keepalive && type === MessageType.call && !opens) calls += 1;
    });
    const toClient = new FrameSplitter((frame) => client.write(withMachine(frame)));
    client.on("data", (bytes: Buffer) => {
      inner.write(bytes);
      toDaemon.push(bytes);
    });
    inner.on("data", (bytes: Buffer) => toClient.push(bytes));
    for (const [one, other] of [
      [client, inner],
      [inner, client],
    ] as const)
      one
        .on("error", () => undefined)
        .on("end", () => other.end())
        .on("close", () => {
          clients.delete(client);
          other.destroy();
        });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socket, resolve));
  return {
    socket,
    calls: () => {
      const sum = calls;
      calls = 0;
      return sum;
    },
    close: async () => {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A reply of capabilities without any machine type gets one; other frames are given back as they are. */
export function withMachine(frame: Buffer): Buffer {
  const { program, procedure, type, status } = decodeHeader(frame);
  if (program !== Program.remote || procedure !== CAPABILITIES) return frame;
  if (type !== MessageType.reply || status !== Status.ok) return frame;
  const text = frame.toString("utf8", HEADER + 4, HEADER + 4 + frame.readUInt32BE(HEADER));
  if (text.includes("<machine")) return frame;
  const more = Buffer.from(text.replaceAll("</wordsize>", "</wordsize><machine>pc</machine>"));
  const made = Buffer.alloc(HEADER + 4 + Math.ceil(more.length / 4) * 4);
  frame.copy(made, 0, 0, HEADER);
  made.writeUInt32BE(made.length, 0);
  made.writeUInt32BE(more.length, HEADER);
  more.copy(made, HEADER + 4);
  return made;
}
