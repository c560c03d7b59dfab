import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SshOptions, sshTransport } from "../../provider/transports/ssh.js";
import { chooseClient } from "../../provider/transports/ssh-client.js";
import { hasProgram } from "../hosts/requirements.js";
import { type Echo, exchange, failure, optionsFor, startEcho } from "./fixtures.js";
import { freePort, makeKey, type Sshd, signKey, sshdMissing, startSshd, withSshd } from "./sshd.js";

const leads = ["nc", "socat", "perl"].some(hasProgram) ? "" : " (skipped: needs nc, socat or perl)";

/** What a command on the host answers, by whoever speaks SSH. */
async function say(options: SshOptions, text = "hello"): Promise<string> {
  const transport = sshTransport(options);
  try {
    return String(await exchange(await transport.pipe(["cat"]), text));
  } finally {
    await transport.close();
  }
}
const publicOf = (key: string): string => readFileSync(`${key}.pub`, "utf8").split(" ").slice(0, 2).join(" ");

describe.skipIf(sshdMissing !== undefined)(withSshd("ssh by the machine's own client"), () => {
  let sshd: Sshd;
  let authority: string;
  let echo: Echo;
  beforeAll(async () => {
    const first = await startSshd();
    authority = makeKey(join(first.dir, "authority"));
    const keep = { authority: readFileSync(authority), public: readFileSync(`${authority}.pub`) };
    sshd = await startSshd({ certificate: { authority, principals: "127.0.0.1" } });
    authority = join(sshd.dir, "authority");
    writeFileSync(authority, keep.authority, { mode: 0o600 });
    writeFileSync(`${authority}.pub`, keep.public);
    await first.stop();
    echo = await startEcho(join(sshd.dir, "echo.sock"));
  });
  afterAll(async () => {
    await echo?.stop();
    await sshd?.stop();
  });
  const trusting = (port = sshd.port, key = authority): string =>
    `@cert-authority [127.0.0.1]:${port} ${publicOf(key)}\n`;
  const own = (more: Partial<SshOptions> = {}): SshOptions => optionsFor(sshd, { client: "openssh", ...more });

  test("a host certificate is what known_hosts asks for, so this client is chosen", async () => {
    const options = optionsFor(sshd, { knownHosts: trusting() });
    expect(await chooseClient(options)).toBe("openssh");
    expect(await say(options)).toBe("hello");
    expect(await chooseClient(optionsFor(sshd)), "a key that is known").toBe("built-in");
    const both = optionsFor(sshd, { knownHosts: trusting() + sshd.hostKeyLine });
    expect(await chooseClient(both)).toBe("built-in");
  });

  test("a certificate for another name, one that has expired, and one of another authority are refused", async () => {
    const other = await startSshd({
      certificate: { authority, principals: "elsewhere" },
      clientKey: sshd.clientKeyPath,
    });
    const old = await startSshd({
      certificate: { authority, principals: "127.0.0.1", validity: "-2d:-1d" },
      clientKey: sshd.clientKeyPath,
    });
    try {
      const named = await failure(say(optionsFor(other, { knownHosts: trusting(other.port) })));
      expect(named).toMatchObject({ code: "denied" });
      expect(named.fact).toContain("is not valid for it");
      const expired = await failure(say(optionsFor(old, { knownHosts: trusting(old.port) })));
      expect(expired).toMatchObject({ code: "denied" });
      expect(expired.fact).toContain("has expired");
    } finally {
      await other.stop();
      await old.stop();
    }
    const stranger = makeKey(join(sshd.dir, "stranger"));
    const unknown = await failure(say(optionsFor(sshd, { knownHosts: trusting(sshd.port, stranger) })));
    expect(unknown).toMatchObject({ code: "denied" });
    expect(unknown.fact).toContain("nor signed by a known authority");
  });

  test("a user's certificate beside the key", async () => {
    const trusted = await startSshd({ config: [`TrustedUserCAKeys ${authority}.pub`] });
    try {
      const key = makeKey(join(trusted.dir, "certified"));
      expect((await failure(say(optionsFor(trusted, { identityFiles: [key] })))).code).toBe("denied");
      signKey(authority, `${key}.pub`, ["-n", trusted.user, "-V", "-1d:+1d"]);
      const options = optionsFor(trusted, { identityFiles: [key] });
      expect(await chooseClient(options)).toBe("openssh");
      expect(await say(options)).toBe("hello");
    } finally {
      await trusted.stop();
    }
  });

  test("a key on a device, by its public half", async () => {
    const path = join(sshd.dir, "device");
    copyFileSync(sshd.clientKeyPath, path);
    writeFileSync(`${path}.pub`, "sk-ssh-ed25519@openssh.com AAAA device\n");
    expect(await chooseClient(optionsFor(sshd, { identityFiles: [path] }))).toBe("openssh");
    expect(await chooseClient(optionsFor(sshd, { identityFiles: [path], password: "p" }))).toBe("built-in");
  });

  test("ProxyCommand of the configuration", async () => {
    const configFile = join(sshd.dir, "proxy_config");
    const copy = `const s=require("node:net").connect(${sshd.port},"127.0.0.1");process.stdin.pipe(s);s.pipe(process.stdout)`;
    const script = join(sshd.dir, "proxy.js");
    writeFileSync(script, copy);
    const known = join(sshd.dir, "proxy_known_hosts");
    writeFileSync(known, `far ${sshd.hostKeyLine.split(" ").slice(1).join(" ")}`);
    const lines = [
      `ProxyCommand ${process.execPath} ${script}`,
      `User ${sshd.user}`,
      `IdentityFile ${sshd.clientKeyPath}`,
    ];
    writeFileSync(configFile, `Host far\n  ${[...lines, `UserKnownHostsFile ${known}`].join("\n  ")}\n`);
    expect(await chooseClient({ host: "far", configFile })).toBe("openssh");
    expect(await say({ host: "far", configFile, agent: "none" })).toBe("hello");
    const builtIn = await failure(say({ host: "far", configFile, client: "built-in" }));
    expect(builtIn).toMatchObject({ code: "unsupported", hint: expect.stringContaining("crossvisor:sshClient") });
  });

  test("a key as text and one with a passphrase reach an agent of our own, and no file", async () => {
    const locked = makeKey(join(sshd.dir, "locked"), "ed25519", "secret words");
    const server = await startSshd({ clientKey: locked });
    try {
      const hosts = { client: "openssh", identityFiles: [] } as const;
      const privateKey = readFileSync(locked, "utf8");
      expect(await say(optionsFor(server, { ...hosts, privateKey, passphrase: "secret words" }))).toBe("hello");
      const file = { client: "openssh", identityFiles: [locked], passphrase: "secret words" } as const;
      expect(await say(optionsFor(server, file))).toBe("hello");
      const wrong = await failure(say(optionsFor(server, { ...hosts, privateKey, passphrase: "wrong" })));
      expect(wrong).toMatchObject({ code: "invalid", fact: "the given private key cannot be opened" });
      expect(JSON.stringify(wrong)).not.toContain('wrong"');
    } finally {
      await server.stop();
    }
  });

  test("a million bytes each way, unchanged, whatever the login prints before them", async () => {
    const noisy = await startSshd({
      config: ["PrintMotd no", "PermitUserEnvironment no"],
      clientKey: sshd.clientKeyPath,
    });
    try {
      const text = Buffer.alloc(1_000_003, "bytes \u0000\r\n~. ").toString("latin1");
      expect(await say(optionsFor(noisy, { client: "openssh" }), text)).toBe(text);
    } finally {
      await noisy.stop();
    }
  });

  test.skipIf(leads !== "")(`a socket on the host, and what can be wrong with it${leads}`, async () => {
    const transport = sshTransport(own());
    try {
      const stream = await transport.connect(echo.path);
      const answer = new Promise((resolve) => stream.once("data", (data) => resolve(String(data))));
      stream.write("hello");
      expect(await answer).toBe("hello");
      stream.destroy();
      const missing = await failure(transport.connect("/no/such.sock"));
      expect(missing).toMatchObject({ code: "not-found", fact: "there is no socket /no/such.sock on 127.0.0.1" });
    } finally {
      await transport.close();
    }
  });

  test("a command that is missing, and one that fails", async () => {
    const transport = sshTransport(own());
    try {
      expect(await failure(transport.pipe(["no-such-command"]))).toMatchObject({ code: "not-found" });
      const stream = await transport.pipe(["sh", "-c", "echo why >&2; exit 3"]);
      const error = new Promise((resolve) => stream.once("error", resolve));
      stream.resume();
      expect(await error).toMatchObject({ code: "failed", fact: "sh ended with status 3: why" });
    } finally {
      await transport.close();
    }
  });

  test("an unknown and a changed host key, a refused login, a closed port, a name without address", async () => {
    const empty = await failure(say(own({ knownHosts: "nobody ssh-ed25519 AAAA\n" })));
    expect(empty).toMatchObject({ code: "denied" });
    expect(empty.fact).toContain("is not known");
    const changed = `[127.0.0.1]:${sshd.port} ${publicOf(sshd.clientKeyPath)}\n`;
    expect((await failure(say(own({ knownHosts: changed })))).fact).toContain("has changed");
    expect(await say(own({ knownHosts: changed, hostKeyCheck: "off" }))).toBe("hello");
    const refused = await failure(say(own({ identityFiles: [makeKey(join(sshd.dir, "foreign"))] })));
    expect(refused).toMatchObject({ code: "denied" });
    expect(refused.fact).toContain("refused the login");
    const port = await freePort();
    expect((await failure(say(own({ port })))).fact).toContain(`127.0.0.1:${port} refuses connections`);
    expect((await failure(say(own({ host: "no-such-host.invalid" })))).fact).toContain("cannot be resolved");
    expect((await failure(say(own({ password: "p" })))).fact).toContain("takes no password");
  });

  test("when the connection is cut the stream is dropped", async () => {
    const transport = sshTransport(own());
    try {
      const stream = await transport.pipe(["cat"]);
      const error = new Promise((resolve) => stream.once("error", resolve));
      stream.resume();
      sshd.cut();
      expect(await error).toMatchObject({ code: "dropped" });
    } finally {
      await transport.close();
    }
  });
});
