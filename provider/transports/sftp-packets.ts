/** What a server answers, as far as it is used here. */
export type Answer =
  | { readonly id: number; readonly type: "version"; readonly extensions: readonly string[] }
  | { readonly id: number; readonly type: "limits"; readonly write: number }
  | { readonly id: number; readonly type: "handle"; readonly handle: Buffer }
  | { readonly id: number; readonly type: "status"; readonly code: number; readonly message: string };

/** Numbers of draft-ietf-secsh-filexfer-02: message types and flags of opening. */
const INIT = 1;
const VERSION = 2;
const OPEN = 3;
const CLOSE = 4;
const WRITE = 6;
const STATUS = 101;
const HANDLE = 102;
const EXTENDED = 200;
const EXTENDED_REPLY = 201;
/** Asks how much a server takes at once: OpenSSH 8.5 and newer (PROTOCOL, section 4.8). */
export const LIMITS = "limits@openssh.com";
const WRITE_CREATE_TRUNCATE = 0x02 | 0x08 | 0x10;
/** No server answers more here: a longer packet means that something else speaks. */
const LONGEST = 256 * 1024;

const uint32 = (n: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(n);
  return buffer;
};
const uint64 = (n: number): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(n));
  return buffer;
};
const string = (bytes: Uint8Array): readonly Uint8Array[] => [uint32(bytes.length), bytes];

function packet(type: number, ...fields: readonly Uint8Array[]): Buffer {
  const length = fields.reduce((sum, field) => sum + field.length, 1);
  return Buffer.concat([uint32(length), Buffer.from([type]), ...fields], length + 4);
}

/** Requests as bytes, with copies of what they carry. */
export const Packet = {
  init: (): Buffer => packet(INIT, uint32(3)),
  create: (id: number, path: string): Buffer =>
    packet(OPEN, uint32(id), ...string(Buffer.from(path, "utf8")), uint32(WRITE_CREATE_TRUNCATE), uint32(0)),
  write: (id: number, handle: Buffer, offset: number, data: Uint8Array): Buffer =>
    packet(WRITE, uint32(id), ...string(handle), uint64(offset), ...string(data)),
  close: (id: number, handle: Buffer): Buffer => packet(CLOSE, uint32(id), ...string(handle)),
  limits: (id: number): Buffer => packet(EXTENDED, uint32(id), ...string(Buffer.from(LIMITS))),
} as const;

/** Cuts a byte stream into answers. Throws for what is no SFTP. */
export class Packets {
  private rest: Buffer = Buffer.alloc(0);

  *add(chunk: Buffer): Generator<Answer> {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    while (this.rest.length >= 4) {
      const length = this.rest.readUInt32BE(0);
      if (length > LONGEST || length < 5) throw new Error(`a packet of ${length} bytes`);
      if (this.rest.length < 4 + length) return;
      const body = this.rest.subarray(4, 4 + length);
      this.rest = this.rest.subarray(4 + length);
      yield answerOf(body);
    }
  }
}

function answerOf(body: Buffer): Answer {
  const type = body.readUInt8(0);
  const text = (at: number): Buffer => {
    const length = body.readUInt32BE(at);
    return body.subarray(at + 4, at + 4 + length);
  };
  if (type === VERSION) return { id: 0, type: "version", extensions: namesIn(body, text) };
  const id = body.readUInt32BE(1);
  // The longest packet, read and write, each in eight bytes: nothing else is asked for that is answered so.
  if (type === EXTENDED_REPLY) return { id, type: "limits", write: Number(body.readBigUInt64BE(21)) };
  if (type === HANDLE) return { id, type: "handle", handle: Buffer.from(text(5)) };
  if (type !== STATUS) throw new Error(`an answer of type ${type}`);
  return { id, type: "status", code: body.readUInt32BE(5), message: body.length > 9 ? text(9).toString("utf8") : "" };
}

/** The extensions of a server: names and data by turns, behind the version. */
function namesIn(body: Buffer, text: (at: number) => Buffer): readonly string[] {
  const names: string[] = [];
  for (let at = 5; at + 4 <= body.length; ) {
    const name = text(at);
    names.push(name.toString("utf8"));
    at += 4 + name.length;
    at += 4 + body.readUInt32BE(at);
  }
  return names;
}
