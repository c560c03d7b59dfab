import { describe, expect, it, vi } from "vitest";
import { argsOf, encoded, frameOf, isCallOf, pingHeader, ScriptedPeer } from "../../../../test/rpc/scripted-peer.js";
import { int } from "./codec.js";
import { Connection, type ConnectionOptions } from "./connection.js";
import { connect } from "./procedures/connect.js";
import { domains } from "./procedures/domain.js";
import { events } from "./procedures/event.js";
import { domainRef } from "./types.js";
import { MessageType, Program, Status } from "./wire.js";

const dom = domainRef("web", "6695eb01-f6a4-8304-79aa-97f2502e193f");
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail("it should have failed"),
    (error) => error,
  );

const opened = async (options: ConnectionOptions = {}): Promise<{ c: Connection; peer: ScriptedPeer }> => {
  const { client, peer } = ScriptedPeer.pair();
  peer.welcome();
  return { c: await Connection.open(client, "qemu:///system", options), peer };
};

describe("opening", () => {
  it("asks for the authentication first and opens the driver", async () => {
    const { c, peer } = await opened();
    expect(peer.frames.map((frame) => frame.procedure)).toEqual([66, 1]);
    expect(argsOf(connect.open, await peer.called(connect.open))).toEqual({ name: "qemu:///system", flags: 0 });
    expect(Object.fromEntries(c.counts)).toEqual({ "connect.authList": 1, "connect.open": 1 });
  });

  it("lets polkit decide when it is offered", async () => {
    const { client, peer } = ScriptedPeer.pair();
    peer.welcome([2]);
    await Connection.open(client, "qemu:///system");
    expect(peer.frames.map((frame) => frame.procedure)).toEqual([66, 70, 1]);
  });

  it("refuses SASL with a remedy", async () => {
    const { client, peer } = ScriptedPeer.pair();
    peer.welcome([1]);
    const error = await failure(Connection.open(client, "qemu:///system"));
    expect(error).toMatchObject({ code: "denied", hint: expect.stringContaining("UNIX socket") });
    expect(client.destroyed).toBe(true);
  });
});

describe("calls", () => {
  it("answers in any order, each to its own", async () => {
    const { c, peer } = await opened();
    const calls = [c.call(domains.byName, { name: "a" }), c.call(domains.byName, { name: "b" })];
    const second = await peer.called(domains.byName, 2);
    peer.reply(second, domains.byName, { ...dom, name: "b" });
    peer.reply(await peer.called(domains.byName), domains.byName, { ...dom, name: "a" });
    expect((await Promise.all(calls)).map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("has at most four in flight, in the order of the calls", async () => {
    const { c, peer } = await opened();
    const calls = Array.from({ length: 9 }, (_, i) => c.call(domains.byName, { name: `${i}` }));
    const waiting: string[] = [];
    let most = 0;
    for (let done = 0; done < 9; done++) {
      const frame = await peer.called(domains.byName, done + 1);
      const sent = peer.frames.filter((one) => isCallOf(domains.byName, one)).length;
      most = Math.max(most, sent - done);
      waiting.push(argsOf(domains.byName, frame).name);
      peer.reply(frame, domains.byName, dom);
      await calls[done];
    }
    expect(most).toBe(4);
    expect(waiting).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
  });

  it("keeps two places free of slow calls", async () => {
    const { c, peer } = await opened();
    const starts = Array.from({ length: 5 }, () => c.call(domains.create, { dom }));
    const quick = [c.call(domains.xml, { dom }), c.call(domains.xml, { dom })];
    peer.reply(await peer.called(domains.xml, 1), domains.xml, "<a/>");
    peer.reply(await peer.called(domains.xml, 2), domains.xml, "<b/>");
    expect(await Promise.all(quick)).toEqual(["<a/>", "<b/>"]);
    expect(peer.frames.filter((frame) => isCallOf(domains.create, frame))).toHaveLength(2);
    for (let i = 1; i <= 5; i++) peer.reply(await peer.called(domains.create, i), domains.create, dom);
    expect(await Promise.all(starts)).toHaveLength(5);
  });

  it("rejects with what the daemon said, and goes on", async () => {
    const { c, peer } = await opened();
    const call = failure(c.call(domains.byName, { name: "x" }));
    peer.refuse(await peer.called(domains.byName), 42, "Domain not found");
    expect(await call).toMatchObject({ code: "not-found", fact: "Domain not found" });
    const next = c.call(domains.xml, { dom });
    peer.reply(await peer.called(domains.xml), domains.xml, "<x/>");
    expect(await next).toBe("<x/>");
  });

  it("refuses arguments that do not fit, without sending", async () => {
    const { c } = await opened();
    const call = failure(c.call(domains.byUuid, { uuid: "no" }));
    expect(await call).toMatchObject({ code: "invalid", fact: 'domain.byUuid: "no" is no UUID' });
    expect(c.counts.has("domain.byUuid")).toBe(false);
  });

  it("tolerates bytes behind a reply and tells of them; a reply that is too short is a bug", async () => {
    const seen: string[] = [];
    const { c, peer } = await opened({ onTrailing: (name, bytes) => seen.push(`${name} ${bytes}`) });
    const long = c.call(domains.isActive, { dom });
    const reply = { type: MessageType.reply, status: Status.ok };
    peer.send({ ...(await peer.called(domains.isActive)), ...reply }, Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]));
    expect(await long).toBe(true);
    expect(seen).toEqual(["domain.isActive 4"]);
    const short = failure(c.call(domains.isPersistent, { dom }));
    peer.send({ ...(await peer.called(domains.isPersistent)), ...reply }, Buffer.from([0, 0]));
    expect(await short).toMatchObject({ code: "bug" });
    expect(c.error).toBeUndefined();
  });

  it("gives up when the time is over, and keeps the place until the answer", async () => {
    const { c, peer } = await opened();
    const late = await Promise.all(
      Array.from({ length: 5 }, () => failure(c.call(domains.xml, { dom }, { timeoutMs: 20 }))),
    );
    expect(late.slice(0, 4)).toEqual(
      Array(4).fill(expect.objectContaining({ code: "timeout", fact: "domain.xml had no answer within 20 ms" })),
    );
    expect(late[4]).toMatchObject({ code: "timeout", fact: "domain.xml found no free place within 20 ms" });
    const next = c.call(domains.isActive, { dom });
    expect(c.counts.has("domain.isActive")).toBe(false);
    peer.reply(await peer.called(domains.xml), domains.xml, "<late/>");
    peer.reply(await peer.called(domains.isActive), domains.isActive, true);
    expect(await next).toBe(true);
  });

  it("ends a wait when the caller aborts", async () => {
    const { c, peer } = await opened();
    const controller = new AbortController();
    const call = failure(c.call(domains.xml, { dom }, { signal: controller.signal }));
    await peer.called(domains.xml);
    controller.abort();
    expect(await call).toMatchObject({ code: "dropped" });
    const unsent = failure(c.call(domains.xml, { dom }, { signal: controller.signal }));
    expect(await unsent).toMatchObject({ code: "failed", fact: "domain.xml was cancelled before it began" });
  });
});

describe("a lost connection", () => {
  it("drops what was sent and never reached what was not", async () => {
    const onLost = vi.fn();
    const { c, peer } = await opened({ onLost });
    const calls = Array.from({ length: 6 }, () => failure(c.call(domains.xml, { dom })));
    await peer.called(domains.xml, 4);
    peer.duplex.destroy();
    const codes = (await Promise.all(calls)).map((error) => (error as { code: string }).code);
    expect(codes).toEqual(["dropped", "dropped", "dropped", "dropped", "unreachable", "unreachable"]);
    expect(onLost).toHaveBeenCalledTimes(1);
    expect(await failure(c.call(domains.xml, { dom }))).toMatchObject({ code: "unreachable" });
  });

  it("drops in the middle of a frame", async () => {
    const { c, peer } = await opened();
    const call = failure(c.call(domains.xml, { dom }));
    const frame = await peer.called(domains.xml);
    const whole = frameOf({ ...frame, type: MessageType.reply }, encoded(domains.xml.reply, "<domain/>"));
    peer.duplex.write(whole.subarray(0, whole.length - 5));
    peer.duplex.end();
    expect(await call).toMatchObject({ code: "dropped", fact: expect.stringContaining("domain.xml") });
  });

  it("does not believe a frame of impossible length", async () => {
    const { c, peer } = await opened();
    const call = failure(c.call(domains.xml, { dom }));
    await peer.called(domains.xml);
    peer.duplex.write(Buffer.alloc(28, 0xff));
    expect(await call).toMatchObject({ code: "dropped", fact: expect.stringContaining("frame of 4294967295 bytes") });
  });

  it("is no error of close", async () => {
    const { c, peer } = await opened();
    peer.onFrame = () => peer.duplex.destroy();
    await c.close();
    await c.close();
    expect(c.error?.message).toBeDefined();
  });
});

describe("keepalive", () => {
  it("answers pings", async () => {
    const { peer } = await opened();
    peer.send(pingHeader);
    const pong = await peer.received((frame) => frame.program === Program.keepalive);
    expect(pong).toMatchObject({ procedure: 2, type: MessageType.event, serial: 0, status: Status.ok });
  });

  it("pings a silent daemon and gives it up", async () => {
    const { c, peer } = await opened({ keepaliveMs: 10, keepaliveCount: 2 });
    const error = await failure(c.call(domains.xml, { dom }));
    expect(error).toMatchObject({ code: "dropped", fact: expect.stringContaining("no sign of life") });
    expect(peer.frames.filter((frame) => frame.program === Program.keepalive)).toHaveLength(2);
  });

  it("does not ping while all places are taken, and gives such a daemon up later", async () => {
    const { c, peer } = await opened({ keepaliveMs: 10, keepaliveCount: 1 });
    const calls = Array.from({ length: 4 }, () => failure(c.call(domains.create, { dom, flags: 0 })));
    calls.push(...Array.from({ length: 4 }, () => failure(c.call(domains.xml, { dom }))));
    await Promise.all(calls);
    expect(c.error?.message).toBe("no sign of life for 0.06 s");
    expect(peer.frames.filter((frame) => frame.program === Program.keepalive)).toEqual([]);
  });
});

describe("events", () => {
  const message = (callbackId: number, event: number): [Parameters<ScriptedPeer["send"]>[0], Buffer] => [
    { program: Program.remote, procedure: 318, type: MessageType.event, serial: 0, status: Status.ok },
    Buffer.concat([encoded(int, callbackId), encoded(events.domainLifecycle.body, { dom, event, detail: 0 })]),
  ];

  it("reach their subscriber, also when they come before or with the registration's answer", async () => {
    const { c, peer } = await opened();
    const heard: number[] = [];
    const subscribing = c.on(events.domainLifecycle, ({ event }) => heard.push(event));
    const { register, deregister } = events.domainLifecycle;
    const call = await peer.called(register);
    expect(argsOf(register, call)).toMatchObject({ id: 0 });
    peer.send(...message(7, 0));
    peer.send(...message(8, 9));
    peer.duplex.cork();
    peer.reply(call, register, 7);
    peer.send(...message(7, 1));
    peer.duplex.uncork();
    const end = await subscribing;
    peer.send(...message(7, 2));
    await vi.waitFor(() => expect(heard).toEqual([0, 1, 2]));
    const ending = end();
    const gone = await peer.called(deregister);
    expect(argsOf(deregister, gone)).toEqual({ callbackId: 7 });
    peer.send(...message(7, 3));
    peer.reply(gone, deregister, undefined);
    await ending;
    await end();
    expect(heard).toEqual([0, 1, 2]);
  });

  it("that nobody can read or wants do no harm", async () => {
    const { c, peer } = await opened();
    const warn = vi.spyOn(process, "emitWarning").mockReturnValue();
    const [header] = message(1, 1);
    peer.send({ ...header, procedure: 9999 }, Buffer.alloc(3));
    peer.send(header, Buffer.alloc(3));
    const call = c.call(domains.xml, { dom });
    peer.reply(await peer.called(domains.xml), domains.xml, "<a/>");
    await call;
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });
});
