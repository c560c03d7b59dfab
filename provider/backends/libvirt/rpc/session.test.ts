import type { Duplex } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { encoded, isCallOf, type Received, ScriptedPeer } from "../../../../test/rpc/scripted-peer.js";
import { ProviderError } from "../../../core/errors.js";
import { int } from "./codec.js";
import { connect } from "./procedures/connect.js";
import { domains } from "./procedures/domain.js";
import { events } from "./procedures/event.js";
import { volumes } from "./procedures/storage.js";
import { type Limits, Session } from "./session.js";
import type { Chunk } from "./streams.js";
import { domainRef } from "./types.js";
import { MessageType, Program, Status } from "./wire.js";

const dom = domainRef("web", "6695eb01-f6a4-8304-79aa-97f2502e193f");
const whole = { vol: { pool: "p", name: "v", key: "k" }, offset: 0, length: 0 };
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail("it should have failed"),
    (error) => error,
  );

/** A host of scripted peers: one for each dialled connection, all with the same script. */
class ScriptedHost {
  readonly peers: ScriptedPeer[] = [];
  /** What the next attempts to dial fail with. */
  readonly refusals: Error[] = [];

  constructor(private readonly script: (frame: Received, peer: ScriptedPeer) => void = () => {}) {}

  readonly dial = async (): Promise<Duplex> => {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
    const { client, peer } = ScriptedPeer.pair();
    peer.onFrame = (frame) => {
      if (isCallOf(connect.type, frame)) peer.reply(frame, connect.type, "QEMU");
      else this.script(frame, peer);
    };
    peer.welcome();
    this.peers.push(peer);
    return client;
  };
}

describe("Session", () => {
  const sessions: Session[] = [];
  const open = (host: ScriptedHost, limits: Limits = {}): Session => {
    const session = new Session({ uri: "qemu:///system", dial: host.dial, ...limits });
    sessions.push(session);
    return session;
  };
  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((session) => session.close()));
  });

  it("connects once, when it is first needed", async () => {
    const host = new ScriptedHost();
    const session = open(host);
    expect(host.peers).toHaveLength(0);
    await Promise.all([session.call(connect.type, undefined), session.call(connect.type, undefined)]);
    expect(host.peers).toHaveLength(1);
    expect(session.counts.get("connect.type")).toBe(2);
  });

  it("dials again a few times, then says so", async () => {
    const host = new ScriptedHost();
    const session = open(host);
    host.refusals.push(new Error("connect ECONNREFUSED"), new Error("connect ECONNREFUSED"));
    expect(await session.call(connect.type, undefined)).toBe("QEMU");
    const other = new ScriptedHost();
    other.refusals.push(...Array.from({ length: 9 }, () => new Error("connect ECONNREFUSED")));
    const error = await failure(open(other).call(connect.type, undefined));
    expect(error).toMatchObject({ code: "unreachable", fact: "connect ECONNREFUSED" });
    expect(other.refusals).toHaveLength(6);
  });

  it("does not dial again when the host refuses", async () => {
    const host = new ScriptedHost();
    host.refusals.push(new ProviderError("denied", "no such key"), new ProviderError("denied", "no such key"));
    expect(await failure(open(host).call(connect.type, undefined))).toMatchObject({ code: "denied" });
    expect(host.refusals).toHaveLength(1);
  });

  it("opens a new connection for the next call, and never repeats one whose answer was lost", async () => {
    const host = new ScriptedHost((frame, peer) => {
      if (isCallOf(domains.define, frame)) peer.duplex.destroy();
    });
    const session = open(host);
    expect(await failure(session.call(domains.define, { xml: "<domain/>" }))).toMatchObject({ code: "dropped" });
    expect(session.counts.get("domain.define")).toBe(1);
    expect(await session.call(connect.type, undefined)).toBe("QEMU");
    expect(host.peers).toHaveLength(2);
  });

  it("sends what waited for a place on the new connection", async () => {
    const host = new ScriptedHost((frame, peer) => {
      if (!isCallOf(domains.xml, frame)) return;
      if (peer !== host.peers[0]) peer.reply(frame, domains.xml, "<x/>");
      else if (peer.frames.filter((one) => isCallOf(domains.xml, one)).length === 4) peer.duplex.destroy();
    });
    const session = open(host);
    const calls = Array.from({ length: 6 }, () => session.call(domains.xml, { dom }).catch(({ code }) => code));
    expect(await Promise.all(calls)).toEqual(["dropped", "dropped", "dropped", "dropped", "<x/>", "<x/>"]);
    expect(host.peers).toHaveLength(2);
  });

  it("leaves a connection whose places are all held by calls that were given up", async () => {
    const host = new ScriptedHost();
    const session = open(host);
    const calls = Array.from({ length: 4 }, () => failure(session.call(domains.xml, { dom }, { timeoutMs: 10 })));
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "timeout" });
    expect(await session.call(connect.type, undefined)).toBe("QEMU");
    expect(host.peers).toHaveLength(2);
  });

  it("transfers on at most two connections of their own, and uses them again", async () => {
    const host = new ScriptedHost((frame, peer) => {
      if (isCallOf(volumes.upload, frame)) peer.reply(frame, volumes.upload, undefined);
      if (frame.type === MessageType.stream && frame.status === Status.ok) peer.send(frame);
    });
    const session = open(host);
    let running = 0;
    let most = 0;
    async function* source(): AsyncGenerator<Chunk> {
      most = Math.max(most, ++running);
      yield Buffer.from("x");
      await new Promise(setImmediate);
      running--;
    }
    const sent = await Promise.all([1, 2, 3, 4, 5].map(() => session.upload(volumes.upload, whole, source())));
    expect(sent.map(({ total }) => total)).toEqual([1, 1, 1, 1, 1]);
    expect(most).toBe(2);
    expect(host.peers).toHaveLength(2);
    await session.call(connect.type, undefined);
    expect(host.peers).toHaveLength(3);
  });

  it("carries subscriptions to a new connection and tells of the gap", async () => {
    const host = new ScriptedHost((frame, peer) => {
      const { register, deregister } = events.domainLifecycle;
      if (isCallOf(register, frame)) peer.reply(frame, register, 5);
      if (isCallOf(deregister, frame)) peer.reply(frame, deregister, undefined);
    });
    const session = open(host);
    const say = (event: number): void => {
      const header = { program: Program.remote, procedure: 318, type: MessageType.event, serial: 0, status: Status.ok };
      const body = encoded(events.domainLifecycle.body, { dom, event, detail: 0 });
      host.peers.at(-1)?.send(header, Buffer.concat([encoded(int, 5), body]));
    };
    const heard: number[] = [];
    const gaps: unknown[] = [];
    const end = await session.on(
      events.domainLifecycle,
      ({ event }) => heard.push(event),
      (error) => gaps.push(error),
    );
    const other = await session.on(events.domainLifecycle, () => {});
    expect(session.counts.get("event.registerDomain")).toBe(1);
    say(1);
    await vi.waitFor(() => expect(heard).toEqual([1]));
    host.peers[0]?.duplex.destroy();
    await vi.waitFor(() => expect(gaps).toEqual([undefined]));
    say(2);
    await vi.waitFor(() => expect(heard).toEqual([1, 2]));

    host.refusals.push(...[1, 2, 3].map(() => new Error("down")));
    host.peers[1]?.duplex.destroy();
    await vi.waitFor(() => expect(gaps).toHaveLength(2));
    expect(gaps[1]).toMatchObject({ code: "unreachable", fact: "down" });
    await session.call(connect.type, undefined);
    expect(gaps[2]).toBeUndefined();
    expect(gaps).toHaveLength(3);
    await end();
    expect(session.counts.has("event.deregisterDomain")).toBe(false);
    await other();
    expect(session.counts.get("event.deregisterDomain")).toBe(1);
  });

  it("gives a transfer up that is not opened, that stands still or whose end is not confirmed", async () => {
    const host = new ScriptedHost((frame, peer) => {
      if (isCallOf(volumes.upload, frame)) peer.reply(frame, volumes.upload, undefined);
    });
    const impatient = { quickMs: 50, stallMs: 50 };
    const source = async function* (bytes: number): AsyncGenerator<Chunk> {
      yield Buffer.alloc(bytes);
    };
    const unconfirmed = failure(open(host, impatient).upload(volumes.upload, whole, source(1)));
    expect(await unconfirmed).toMatchObject({ code: "dropped", fact: expect.stringContaining("stood still") });
    const stuck = open(host, impatient).upload(volumes.upload, whole, source(64 * 2 ** 20));
    await vi.waitFor(() => expect(host.peers).toHaveLength(2));
    host.peers[1]?.duplex.pause();
    expect(await failure(stuck)).toMatchObject({ code: "dropped", fact: expect.stringContaining("stood still") });
    const mute = open(new ScriptedHost(), impatient).upload(volumes.upload, whole, source(1));
    expect(await failure(mute)).toMatchObject({ code: "timeout" });
  });

  it("gives a slow call up in the end", async () => {
    const error = await failure(open(new ScriptedHost(), { slowMs: 20 }).call(domains.create, { dom, flags: 0 }));
    expect(error).toMatchObject({ code: "timeout", fact: "domain.create had no answer within 20 ms" });
  });

  it("ends waiting for the host when the caller aborts", async () => {
    const session = new Session({ uri: "qemu:///system", dial: () => new Promise(() => {}) });
    const controller = new AbortController();
    const calls = [
      failure(session.call(connect.type, undefined, { signal: controller.signal })),
      failure(session.call(connect.type, undefined, { signal: AbortSignal.abort() })),
    ];
    controller.abort();
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "failed" });
  });

  it("notices that the peer of an idle connection is gone without a word, and opens a new one for the next call", async () => {
    const host = new ScriptedHost();
    const session = open(host, { keepaliveMs: 10, keepaliveCount: 2 });
    await session.call(connect.type, undefined);
    const [gone] = host.peers;
    if (gone === undefined) throw new Error("nothing was dialled");
    // From now on it reads and says nothing, and its end is not heard of.
    gone.onFrame = () => {};
    await vi.waitFor(() => expect(gone.duplex.readableEnded || gone.duplex.destroyed).toBe(true), 5000);
    expect(await session.call(connect.type, undefined)).toBe("QEMU");
    expect(host.peers).toHaveLength(2);
  });

  it("gives a call up that meets such a peer before it was noticed, and not later than pings tell", async () => {
    const host = new ScriptedHost();
    const session = open(host, { keepaliveMs: 50, keepaliveCount: 2 });
    await session.call(connect.type, undefined);
    for (const peer of host.peers) peer.onFrame = () => {};
    const error = await failure(session.call(domains.xml, { dom }));
    expect(error).toMatchObject({ code: "dropped", fact: expect.stringContaining("no sign of life") });
    expect(await session.call(connect.type, undefined)).toBe("QEMU");
  });

  it("is closed for good", async () => {
    const host = new ScriptedHost();
    const session = open(host);
    await session.call(connect.type, undefined);
    await session.close();
    await session.close();
    expect(host.peers[0]?.frames.some((frame) => isCallOf(connect.close, frame))).toBe(true);
    for (const step of [session.call(connect.type, undefined), session.download(volumes.download, whole).next()]) {
      expect(await failure(step)).toMatchObject({ code: "unreachable", fact: "the session with the host was closed" });
    }
  });
});
