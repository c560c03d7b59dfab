import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sshTransport } from "../../provider/transports/ssh.js";
import type { LoginTransport } from "../../provider/transports/transport.js";
import { type Echo, exchange, failure, optionsFor, startEcho } from "./fixtures.js";
import { accountsMissing, type Sshd, sshdMissing, startSshd, withSshd } from "./sshd.js";

describe.skipIf(sshdMissing !== undefined)(withSshd("streams over ssh"), () => {
  let sshd: Sshd;
  let echo: Echo;
  let transport: LoginTransport;

  beforeAll(async () => {
    sshd = await startSshd();
    echo = await startEcho(join(sshd.dir, "echo.sock"));
    transport = sshTransport(optionsFor(sshd));
  });
  afterAll(async () => {
    await transport?.close();
    await echo?.stop();
    await sshd?.stop();
  });

  const logins = (): number => sshd.log().split("Accepted publickey").length - 1;

  test("a unix socket carries bytes unchanged, more than the ssh window holds", async () => {
    const sent = randomBytes(5 * 1024 * 1024);
    const got = await exchange(await transport.connect(echo.path), sent);
    expect(got.equals(sent)).toBe(true);
  });

  test("twenty streams share one connection", async () => {
    const before = logins();
    const streams = await Promise.all(Array.from({ length: 20 }, () => transport.connect(echo.path)));
    const answers = await Promise.all(streams.map((stream, index) => exchange(stream, `stream ${index}`)));
    expect(answers.map(String)).toEqual(streams.map((_, index) => `stream ${index}`));
    expect(logins() - before).toBeLessThanOrEqual(1);
  });

  test("round trips are not held back by Nagle's algorithm", async () => {
    const stream = await transport.connect(echo.path);
    const times: number[] = [];
    for (let i = 0; i < 40; i++) {
      const start = performance.now();
      stream.write("ping");
      await once(stream, "data");
      times.push(performance.now() - start);
    }
    stream.destroy();
    times.sort((a, b) => a - b);
    expect(times[20]).toBeLessThan(20);
  });

  test("a command gets its words unchanged and its stdin from us", async () => {
    const words = ["printf", "%s|", "two words", "$HOME", "it's", "", "a;b", "*"];
    const got = await exchange(await transport.pipe(words), "");
    expect(String(got)).toBe("two words|$HOME|it's||a;b|*|");
    expect(String(await exchange(await transport.pipe(["cat"]), "through"))).toBe("through");
  });

  test("a command line reaches the login's shell as it is", async () => {
    expect(String(await exchange(await transport.exec("cat -"), "through"))).toBe("through");
    const error = await failure(exchange(await transport.exec("no-such.exe -Word aGk="), ""));
    expect(error).toMatchObject({ code: "not-found" });
    expect(error.fact).toContain("the command no-such.exe is not on the host");
  });

  test("a command that fails ends the stream with what it said", async () => {
    const stream = await transport.pipe(["sh", "-c", "echo partial; echo no such thing >&2; exit 3"]);
    const error = await failure(exchange(stream, ""));
    expect(error).toMatchObject({ code: "failed", fact: "sh ended with status 3: no such thing" });
  });

  test("a command that is not there is not-found", async () => {
    const error = await failure(exchange(await transport.pipe(["no-such-helper"]), ""));
    expect(error.code).toBe("not-found");
    expect(error.fact).toContain("the command no-such-helper is not on the host");
  });

  test("a socket that is missing is not-found and names the path", async () => {
    const path = join(sshd.dir, "missing.sock");
    const error = await failure(transport.connect(path));
    expect(error).toMatchObject({ code: "not-found" });
    expect(error.fact).toContain(path);
  });

  test("where forwarding is off the error is unsupported, and commands still work", async () => {
    const closed = await startSshd({ config: ["AllowStreamLocalForwarding no"] });
    const other = sshTransport(optionsFor(closed));
    try {
      const error = await failure(other.connect(echo.path));
      expect(error.code).toBe("unsupported");
      expect(error.hint).toContain("AllowStreamLocalForwarding");
      expect((await failure(other.connect("/no/such.sock"))).code).toBe("not-found");
      expect(String(await exchange(await other.pipe(["cat"]), "still here"))).toBe("still here");
    } finally {
      await other.close();
      await closed.stop();
    }
  });

  test("a lost connection fails its streams with dropped, and the next use dials again", async () => {
    const second = await startSshd();
    const other = sshTransport(optionsFor(second));
    try {
      const stream = await other.connect(echo.path);
      const error = new Promise((resolve) => stream.once("error", resolve));
      second.cut();
      expect(await error).toMatchObject({ code: "dropped" });
      expect(stream.destroyed).toBe(true);
      expect(String(await exchange(await other.connect(echo.path), "again"))).toBe("again");
    } finally {
      await other.close();
      await second.stop();
    }
  });

  test("a connection whose server fell silent while nobody used it is given up, and the next use dials again", async () => {
    const second = await startSshd();
    const other = sshTransport(optionsFor(second, { keepalive: 50 }));
    try {
      const stream = await other.connect(echo.path);
      const error = new Promise((resolve) => stream.once("error", resolve));
      second.freeze();
      expect(await error).toMatchObject({ code: "dropped", fact: expect.stringContaining("Keepalive timeout") });
      expect(String(await exchange(await other.connect(echo.path), "again"))).toBe("again");
    } finally {
      await other.close();
      second.cut();
      await second.stop();
    }
  });

  test("streams that are being opened when the connection is cut are dropped", async () => {
    const second = await startSshd();
    const other = sshTransport(optionsFor(second));
    try {
      await other.connect(echo.path);
      const opening = Array.from({ length: 10 }, () =>
        other.connect(echo.path).then((late) => late.on("error", () => {})),
      );
      second.cut();
      const results = await Promise.allSettled(opening);
      for (const result of results) {
        if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "dropped" });
      }
      expect(String(await exchange(await other.connect(echo.path), "again"))).toBe("again");
    } finally {
      await other.close();
      await second.stop();
    }
  });

  test("closing ends the streams and the connection; the transport can be used again", async () => {
    const other = sshTransport(optionsFor(sshd));
    const stream = await other.connect(echo.path);
    const closed = once(stream, "close");
    await other.close();
    await closed;
    expect(String(await exchange(await other.connect(echo.path), "reopened"))).toBe("reopened");
    await other.close();
  });

  test("a signal stops the opening and leaves nothing open", async () => {
    const abort = new AbortController();
    const opening = transport.connect(echo.path, abort.signal);
    abort.abort();
    expect((await failure(opening)).code).toBe("timeout");
    expect(String(await exchange(await transport.connect(echo.path), "usable"))).toBe("usable");
  });
});

describe.skipIf(accountsMissing !== undefined)(withSshd("sockets of others over ssh", accountsMissing), () => {
  test("a socket, or a folder, without permission for the user is denied", async () => {
    const sshd = await startSshd({ guest: "crossvisor-guest" });
    const echo = await startEcho(join(sshd.dir, "root-only.sock"));
    chmodSync(echo.path, 0o600);
    mkdirSync(join(sshd.dir, "closed"), { mode: 0o700 });
    const transport = sshTransport(optionsFor(sshd, { user: "crossvisor-guest" }));
    try {
      const error = await failure(transport.connect(echo.path));
      expect(error.code).toBe("denied");
      expect(error.fact).toContain(echo.path);
      expect(error.hint).toContain("group of the socket");
      expect((await failure(transport.connect(join(sshd.dir, "closed", "some.sock")))).code).toBe("denied");
      chmodSync(echo.path, 0o666);
      expect(String(await exchange(await transport.connect(echo.path), "let in"))).toBe("let in");
    } finally {
      await transport.close();
      await echo.stop();
      await sshd.stop();
    }
  });
});
