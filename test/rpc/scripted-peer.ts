import { type Duplex, duplexPair } from "node:stream";
import type { Codec } from "../../provider/backends/libvirt/rpc/codec.js";
import { FrameSplitter } from "../../provider/backends/libvirt/rpc/frames.js";
import { connect } from "../../provider/backends/libvirt/rpc/procedures/connect.js";
import type { Procedure } from "../../provider/backends/libvirt/rpc/procedures/procedure.js";
import { errorBody } from "../../provider/backends/libvirt/rpc/types.js";
import {
  decodeHeader,
  encodeHeader,
  HEADER,
  type Header,
  MessageType,
  Program,
  Status,
} from "../../provider/backends/libvirt/rpc/wire.js";
import { XdrReader, XdrWriter } from "../../provider/backends/libvirt/rpc/xdr.js";

/** A frame that a client sent. */
export interface Received extends Header {
  readonly body: Buffer;
}

/** Bytes of a value. */
export function encoded<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new XdrWriter();
  codec.write(writer, value);
  return Buffer.from(writer.done());
}

/** The daemon's end of a connection, for tests: it keeps what it got and says what the test tells it to. */
export class ScriptedPeer {
  readonly frames: Received[] = [];
  /** Runs for each frame that is not a part of opening. */
  onFrame: (frame: Received) => void = () => {};
  private readonly waiting: { test: (frame: Received) => boolean; found: (frame: Received) => void }[] = [];

  constructor(readonly duplex: Duplex) {
    const splitter = new FrameSplitter((bytes) => this.take(bytes));
    duplex.on("data", (chunk: Buffer) => splitter.push(chunk));
    duplex.on("error", () => {});
  }

  /** Both ends of a connection in memory. */
  static pair(): { client: Duplex; peer: ScriptedPeer } {
    const [client, server] = duplexPair();
    return { client, peer: new ScriptedPeer(server) };
  }

  /** The first frame that fits: one that came already, or the next to come. */
  async received(test: (frame: Received) => boolean): Promise<Received> {
    const here = this.frames.find(test);
    if (here !== undefined) return here;
    return await new Promise((found) => this.waiting.push({ test, found }));
  }

  /** The nth (from 1) call of that procedure. */
  async called(procedure: Procedure<unknown, unknown>, nth = 1): Promise<Received> {
    let last: Received | undefined;
    for (let i = 0; i < nth; i++) {
      const before = last === undefined ? -1 : this.frames.indexOf(last);
      last = await this.received((frame) => isCallOf(procedure, frame) && this.frames.indexOf(frame) > before);
    }
    if (last === undefined) throw new Error("nth starts at 1");
    return last;
  }

  reply<R>(call: Header, procedure: Procedure<unknown, R>, value: R): void {
    this.send({ ...call, type: MessageType.reply, status: Status.ok }, encoded(procedure.reply, value));
  }

  refuse(call: Header, code: number, message: string, type: number = MessageType.reply): void {
    const body = encoded(errorBody, { code, domain: 0, message, level: 2, int1: 0, int2: 0 });
    this.send({ ...call, type, status: Status.error }, body);
  }

  send(header: Header, body: Uint8Array = new Uint8Array(0)): void {
    this.duplex.write(frameOf(header, body));
  }

  /** Answers what opens and closes a connection by itself, with that kind of authentication. */
  welcome(authentication: readonly number[] = [0]): void {
    const rest = this.onFrame;
    this.onFrame = (frame) => {
      if (isCallOf(connect.authList, frame)) this.reply(frame, connect.authList, authentication);
      else if (isCallOf(connect.authPolkit, frame)) this.reply(frame, connect.authPolkit, 1);
      else if (isCallOf(connect.open, frame)) this.reply(frame, connect.open, undefined);
      else if (isCallOf(connect.close, frame)) this.reply(frame, connect.close, undefined);
      else rest(frame);
    };
  }

  private take(bytes: Buffer): void {
    const frame = { ...decodeHeader(bytes), body: Buffer.from(bytes.subarray(HEADER)) };
    this.frames.push(frame);
    this.onFrame(frame);
    const hits = this.waiting.filter(({ test }) => test(frame));
    for (const hit of hits) {
      this.waiting.splice(this.waiting.indexOf(hit), 1);
      hit.found(frame);
    }
  }
}

export const frameOf = (header: Header, body: Uint8Array): Buffer =>
  Buffer.concat([encodeHeader(header, body.length), body]);

export const isCallOf = (procedure: Procedure<unknown, unknown>, frame: Header): boolean =>
  frame.type === MessageType.call && frame.procedure === procedure.number && frame.program === procedure.program;

/** Arguments of a call. */
export const argsOf = <A>(procedure: Procedure<A, unknown>, frame: Received): A =>
  procedure.args.read(new XdrReader(frame.body));

export const pingHeader: Header = {
  program: Program.keepalive,
  procedure: 1,
  type: MessageType.event,
  serial: 0,
  status: Status.ok,
};
