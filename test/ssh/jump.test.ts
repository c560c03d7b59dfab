import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SshOptions, sshTransport } from "../../provider/transports/ssh.js";
import { type Echo, exchange, failure, optionsFor, startEcho } from "./fixtures.js";
import { type Sshd, sshdMissing, startSshd, withSshd } from "./sshd.js";

describe.skipIf(sshdMissing !== undefined)(withSshd("ssh through jump hosts"), () => {
  let target: Sshd;
  let first: Sshd;
  let second: Sshd;
  let echo: Echo;
  let configFile: string;

  beforeAll(async () => {
    target = await startSshd();
    first = await startSshd();
    second = await startSshd();
    echo = await startEcho(join(target.dir, "echo.sock"));
    configFile = join(target.dir, "config");
    const block = (name: string, sshd: Sshd, more = ""): string =>
      `Host ${name}\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User ${sshd.user}\n  IdentityFile ${sshd.clientKeyPath}\n${more}`;
    const knownHosts = join(target.dir, "all_known_hosts");
    writeFileSync(knownHosts, target.hostKeyLine + first.hostKeyLine + second.hostKeyLine);
    const blocks = [
      block("first", first),
      block("second", second),
      block("target", target, "  ProxyJump first\n"),
      block("far", target, "  ProxyJump first,second\n"),
      block("behind", second, "  ProxyJump first\n"),
      block("recursive", target, "  ProxyJump behind\n"),
      block("direct", target, "  ProxyJump none\n"),
      block("circle", target, "  ProxyJump circle2\n"),
      block("circle2", target, "  ProxyJump circle\n"),
      `Host *\n  UserKnownHostsFile ${knownHosts}\n  GlobalKnownHostsFile none\n  IdentityAgent none\nHost dir*\n  ProxyJump second\n`,
    ];
    writeFileSync(configFile, blocks.join("\n"));
  });
  afterAll(async () => {
    await echo?.stop();
    for (const sshd of [target, first, second]) await sshd?.stop();
  });

  const logins = (sshd: Sshd): number => sshd.log().split("Accepted publickey").length - 1;

  async function through(options: SshOptions): Promise<[number, number, number]> {
    const all = [first, second, target];
    const before = all.map(logins);
    const transport = sshTransport(options);
    try {
      expect(String(await exchange(await transport.connect(echo.path), "hello"))).toBe("hello");
    } finally {
      await transport.close();
    }
    return all.map((sshd, index) => logins(sshd) - before[index]!) as [number, number, number];
  }

  test.each([
    ["one jump host", "target", [1, 0, 1]],
    ["a chain of two", "far", [1, 1, 1]],
    ["a jump host behind a jump host", "recursive", [1, 1, 1]],
    ["none", "direct", [0, 0, 1]],
  ])("by configuration: %s", async (_, host, expected) => {
    expect(await through({ host, configFile })).toEqual(expected);
  });

  test("by option, which wins over the configuration", async () => {
    expect(await through({ host: "target", configFile, proxyJump: "second" })).toEqual([0, 1, 1]);
    expect(await through({ host: "target", configFile, proxyJump: "none" })).toEqual([0, 0, 1]);
    const jump = `${first.user}@127.0.0.1:${first.port}`;
    const identityFiles = [first.clientKeyPath, target.clientKeyPath];
    const knownHosts = first.hostKeyLine + target.hostKeyLine;
    expect(await through(optionsFor(target, { proxyJump: jump, identityFiles, knownHosts }))).toEqual([1, 0, 1]);
  });

  test("the host key of a jump host is checked too", async () => {
    const options = optionsFor(target, { configFile, host: "target", knownHosts: target.hostKeyLine });
    const error = await failure(through(options));
    expect(error.code).toBe("denied");
    expect(error.fact).toContain(`[127.0.0.1]:${first.port} is not known`);
  });

  test("the password of the target is not sent to the jump host", async () => {
    const jump = `127.0.0.1:${first.port}`;
    const knownHosts = first.hostKeyLine + target.hostKeyLine;
    const options = optionsFor(target, { proxyJump: jump, knownHosts, identityFiles: [], password: "for the target" });
    const error = await failure(through(options));
    expect(error.fact).toContain(`127.0.0.1:${first.port} refused the login: nothing to try`);
  });

  test("a target the jump host cannot reach, a jump host that forwards nothing, a circle", async () => {
    const unreachable = await failure(through({ host: "target", configFile, port: 1 }));
    expect(unreachable.code).toBe("unreachable");
    expect(unreachable.fact).toContain(`${first.user}@127.0.0.1:${first.port} cannot reach 127.0.0.1:1`);
    const closed = await startSshd({ config: ["AllowTcpForwarding no"], clientKey: first.clientKeyPath });
    try {
      const knownHosts = closed.hostKeyLine + target.hostKeyLine;
      const options = optionsFor(target, {
        proxyJump: `127.0.0.1:${closed.port}`,
        knownHosts,
        identityFiles: [first.clientKeyPath],
      });
      expect((await failure(through(options))).hint).toContain("AllowTcpForwarding");
    } finally {
      await closed.stop();
    }
    expect((await failure(through({ host: "circle", configFile }))).fact).toContain("ProxyJump goes round in a circle");
  });

  test("when the jump host goes away the streams are dropped", async () => {
    const transport = sshTransport({ host: "target", configFile });
    try {
      const stream = await transport.connect(echo.path);
      const error = new Promise((resolve) => stream.once("error", resolve));
      first.cut();
      expect(await error).toMatchObject({ code: "dropped" });
    } finally {
      await transport.close();
    }
  });
});
