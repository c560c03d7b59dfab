/** Program numbers of the protocol. */
export const Program = { remote: 0x2000_8086, qemu: 0x2000_8087, keepalive: 0x6b65_6570 } as const;

/** What a message is. */
export const MessageType = { call: 0, reply: 1, event: 2, stream: 3, hole: 6 } as const;

/** State of a call, or of a stream: `ok` ends a stream. */
export const Status = { ok: 0, error: 1, more: 2 } as const;

/** Procedures of the keepalive program. */
export const Keepalive = { ping: 1, pong: 2 } as const;

/** Bytes of length field and header. */
export const HEADER = 28;
/** Largest frame: 32 MiB and its length field. */
export const FRAME_MAX = 33_554_432 + 4;

export interface Header {
  readonly program: number;
  readonly procedure: number;
  readonly type: number;
  readonly serial: number;
  readonly status: number;
}

/** Length field and header of a frame whose body has `length` bytes. */
export function encodeHeader(header: Header, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER);
  bytes.writeUInt32BE(HEADER + length, 0);
  bytes.writeUInt32BE(header.program, 4);
  bytes.writeUInt32BE(1, 8);
  bytes.writeInt32BE(header.procedure, 12);
  bytes.writeUInt32BE(header.type, 16);
  bytes.writeUInt32BE(header.serial, 20);
  bytes.writeUInt32BE(header.status, 24);
  return bytes;
}

/** The header of a whole frame; its body starts at `HEADER`. */
export const decodeHeader = (frame: Buffer): Header => ({
  program: frame.readUInt32BE(4),
  procedure: frame.readInt32BE(12),
  type: frame.readUInt32BE(16),
  serial: frame.readUInt32BE(20),
  status: frame.readUInt32BE(24),
});
