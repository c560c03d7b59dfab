import { duplexPair } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { encoded, type Received, ScriptedPeer } from "../../../../test/rpc/scripted-peer.js";
import { Connection } from "./connection.js";
import { connect } from "./procedures/connect.js";
import { volumes } from "./procedures/storage.js";
import type { Chunk, ReceivedChunk } from "./streams.js";
import { holeBody } from "./types.js";
import { type Header, MessageType, Status } from "./wire.js";
import { XdrReader } from "./xdr.js";

const MIB = 2 ** 20;
const vol = { pool: "p", name: "v", key: "/p/v" };
const whole = { vol, offset: 0, length: 0 };
const sparse = { ...whole, flags: 1 };
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail("it should have failed"),
    (error) => error,
  );
async function* of(...chunks: Chunk[]): AsyncGenerator<Chunk> {
  yield* chunks;
}

const opened = async (): Promise<{ c: Connection; peer: ScriptedPeer }> => {
  const { client, peer } = ScriptedPeer.pair();
  peer.welcome();
  return { c: await Connection.open(client, "qemu:///system"), peer };
};

const isStream = (frame: Header): boolean => frame.type === MessageType.stream || frame.type === MessageType.hole;
const isEnd = (frame: Header): boolean => isStream(frame) && frame.status !== Status.more;

/** Opens a stream and confirms its end, whatever end the client chooses. */
const serve = async (peer: ScriptedPeer, procedure: typeof volumes.upload): Promise<Received> => {
  const call = await peer.called(procedure);
  void peer.received(isEnd).then((frame) => peer.send({ ...frame, type: MessageType.stream, status: Status.ok }));
  peer.reply(call, procedure, undefined);
  return call;
};

const more = (call: Header): Header => ({ ...call, type: MessageType.stream, status: Status.more });

describe("an upload", () => {
  it("sends bytes and holes in order, and counts them", async () => {
    const { c, peer } = await opened();
    const source = of(Buffer.from("abc"), { hole: 4096n }, new Uint8Array(0), { hole: 0 }, Buffer.alloc(MIB + 5, 7));
    const upload = c.upload(volumes.upload, sparse, source);
    const call = await serve(peer, volumes.upload);
    expect(await upload).toEqual({ data: MIB + 8, holes: 4096, total: MIB + 4104 });
    const frames = peer.frames.filter(isStream);
    expect(frames.every(({ serial, procedure }) => serial === call.serial && procedure === 208)).toBe(true);
    expect(frames.map(({ type, status, body }) => [type, status, body.length])).toEqual([
      [MessageType.stream, Status.more, 3],
      [MessageType.hole, Status.more, 12],
      ...Array.from({ length: 4 }, () => [MessageType.stream, Status.more, MIB / 4]),
      [MessageType.stream, Status.more, 5],
      [MessageType.stream, Status.ok, 0],
    ]);
    expect(holeBody.read(new XdrReader(frames[1]!.body))).toEqual({ length: 4096 });
  });

  it("takes no more from its source than the transport takes", async () => {
    const { c, peer } = await opened();
    let taken = 0;
    async function* source(): AsyncGenerator<Chunk> {
      while (taken < 50) {
        taken++;
        yield Buffer.alloc(MIB);
      }
    }
    const call = peer.called(volumes.upload);
    const upload = c.upload(volumes.upload, whole, source());
    peer.duplex.pause();
    peer.duplex.resume();
    const opening = await call;
    peer.duplex.pause();
    peer.reply(opening, volumes.upload, undefined);
    await vi.waitFor(() => expect(taken).toBeGreaterThan(0));
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    expect(taken).toBeLessThanOrEqual(8);
    void peer.received(isEnd).then((frame) => peer.send({ ...frame, status: Status.ok }));
    peer.duplex.resume();
    expect((await upload).total).toBe(50 * MIB);
  });

  it("lets go of the memory of a piece before it asks for what follows, however much the transport holds", async () => {
    const [client, server] = duplexPair({ highWaterMark: 64 * MIB });
    const peer = new ScriptedPeer(server);
    peer.welcome();
    const c = await Connection.open(client, "qemu:///system");
    const memory = Buffer.alloc(MIB);
    async function* source(): AsyncGenerator<Chunk> {
      for (let i = 0; i < 20; i++) yield memory.fill(i);
    }
    const upload = c.upload(volumes.upload, whole, source());
    await serve(peer, volumes.upload);
    expect((await upload).total).toBe(20 * MIB);
    const sent = Buffer.concat(peer.frames.filter(isStream).map(({ body }) => body));
    const wrong = Array.from({ length: 20 }, (_, i) => i).filter(
      (i) => !sent.subarray(i * MIB, (i + 1) * MIB).every((byte) => byte === i),
    );
    expect(wrong).toEqual([]);
  });

  it("stops when the daemon refuses, even while its source hangs, and closes the source", async () => {
    const { c, peer } = await opened();
    let closed = false;
    const stuck: AsyncIterable<Chunk> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: async () => {
          closed = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const upload = failure(c.upload(volumes.upload, whole, stuck));
    const call = await peer.called(volumes.upload);
    peer.reply(call, volumes.upload, undefined);
    peer.refuse({ ...call, status: Status.error }, 38, "No space left on device", MessageType.stream);
    expect(await upload).toMatchObject({ code: "failed", hint: expect.stringContaining("space") });
    expect(closed).toBe(true);
    expect(peer.frames.filter(isStream)).toEqual([]);
  });

  it("tells the daemon when the source fails, the caller aborts or a hole is not allowed", async () => {
    const broken = async function* (): AsyncGenerator<Chunk> {
      yield Buffer.from("x");
      throw new Error("disk on fire");
    };
    const controller = new AbortController();
    const aborting = async function* (): AsyncGenerator<Chunk> {
      yield Buffer.from("x");
      controller.abort();
      yield Buffer.from("y");
    };
    const cases: [AsyncIterable<Chunk>, AbortSignal | undefined, object][] = [
      [broken(), undefined, { message: "disk on fire" }],
      [aborting(), controller.signal, { code: "failed", fact: "volume.upload was cancelled" }],
      [of({ hole: 5 }), undefined, { code: "bug" }],
    ];
    for (const [source, signal, expected] of cases) {
      const { c, peer } = await opened();
      const upload = failure(c.upload(volumes.upload, whole, source, { signal }));
      await serve(peer, volumes.upload);
      expect(await upload).toMatchObject(expected);
      expect(peer.frames.filter(isEnd).map(({ status }) => status)).toEqual([Status.error]);
      expect(c.error).toBeUndefined();
    }
  });

  it("is dropped with the connection", async () => {
    const { c, peer } = await opened();
    const upload = failure(c.upload(volumes.upload, whole, of(Buffer.from("x"))));
    const call = await peer.called(volumes.upload);
    peer.reply(call, volumes.upload, undefined);
    await peer.received(isEnd);
    peer.duplex.destroy();
    expect(await upload).toMatchObject({ code: "dropped" });
  });
});

describe("a download", () => {
  const collect = async (source: AsyncIterable<ReceivedChunk>): Promise<ReceivedChunk[]> => {
    const chunks: ReceivedChunk[] = [];
    for await (const chunk of source) chunks.push(chunk);
    return chunks;
  };

  it("hands out bytes and holes up to the end, and confirms it", async () => {
    const { c, peer } = await opened();
    const download = collect(c.download(volumes.download, sparse));
    const call = await serve(peer, volumes.download);
    peer.send(more(call), Buffer.from("abc"));
    peer.send({ ...more(call), type: MessageType.hole }, encoded(holeBody, { length: 4096 }));
    peer.send(more(call), Buffer.from("d"));
    peer.send(more(call));
    expect(await download).toEqual([Buffer.from("abc"), { hole: 4096 }, Buffer.from("d")]);
    expect(peer.frames.filter(isEnd).map(({ status }) => status)).toEqual([Status.ok]);
  });

  it("stops reading while its consumer is slow", async () => {
    const { c, peer } = await opened();
    const download = c.download(volumes.download, whole);
    const first = download.next();
    const call = await serve(peer, volumes.download);
    let sent = 0;
    const pump = async (): Promise<void> => {
      for (; sent < 40; sent++) {
        peer.send(more(call), Buffer.alloc(MIB));
        while (peer.duplex.writableNeedDrain) await new Promise(setImmediate);
      }
      peer.send(more(call));
    };
    const pumped = pump();
    await first;
    await vi.waitFor(() => expect(sent).toBeGreaterThan(3));
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    expect(sent).toBeLessThanOrEqual(8);
    expect(await collect(download)).toHaveLength(39);
    await pumped;
  });

  it("ends the daemon's side when its consumer stops early or aborts", async () => {
    const { c, peer } = await opened();
    const download = c.download(volumes.download, whole);
    const first = download.next();
    const call = await serve(peer, volumes.download);
    for (let i = 0; i < 10; i++) peer.send(more(call), Buffer.alloc(MIB));
    await first;
    await download.return();
    expect(peer.frames.filter(isEnd).map(({ status }) => status)).toEqual([Status.error]);
    const after = c.call(connect.type, undefined);
    peer.reply(await peer.called(connect.type), connect.type, "QEMU");
    expect(await after).toBe("QEMU");

    const controller = new AbortController();
    const next = await opened();
    const aborted = failure(collect(next.c.download(volumes.download, whole, { signal: controller.signal })));
    await serve(next.peer, volumes.download);
    controller.abort();
    expect(await aborted).toMatchObject({ code: "failed", fact: "volume.download was cancelled" });
  });

  it("rejects with what the daemon said", async () => {
    const { c, peer } = await opened();
    const download = failure(collect(c.download(volumes.download, whole)));
    peer.refuse(await peer.called(volumes.download), 50, "no storage vol");
    expect(await download).toMatchObject({ code: "not-found" });
  });
});
