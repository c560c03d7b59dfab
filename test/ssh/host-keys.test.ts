import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SshOptions, sshTransport } from "../../provider/transports/ssh.js";
import { exchange, failure, optionsFor } from "./fixtures.js";
import { freePort, makeKey, type Sshd, sshdMissing, startSshd, withSshd } from "./sshd.js";

async function reach(options: SshOptions): Promise<void> {
  const transport = sshTransport(options);
  try {
    await exchange(await transport.pipe(["true"]), "");
  } finally {
    await transport.close();
  }
}

const fingerprintOf = (key: string): string =>
  execFileSync("ssh-keygen", ["-l", "-f", key], { encoding: "utf8" }).split(" ")[1]!;

describe.skipIf(sshdMissing !== undefined)(withSshd("ssh host keys"), () => {
  let sshd: Sshd;
  let other: string;
  let count = 0;
  const file = (text: string): string => {
    const path = join(sshd.dir, `known_hosts_${count++}`);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(async () => {
    sshd = await startSshd();
    const pair = makeKey(join(sshd.dir, "other_host_key"));
    other = readFileSync(`${pair}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
  });
  afterAll(async () => {
    await sshd?.stop();
  });

  const name = (): string => `[127.0.0.1]:${sshd.port}`;

  test("a known_hosts file that ssh-keygen has hashed", async () => {
    const path = file(sshd.hostKeyLine);
    execFileSync("ssh-keygen", ["-q", "-H", "-f", path], { stdio: "ignore" });
    expect(readFileSync(path, "utf8")).toMatch(/^\|1\|/);
    await reach(optionsFor(sshd, { knownHosts: path }));
  });

  test("an unknown host is refused with its fingerprint and the way to add it, and nothing is written", async () => {
    const path = file("");
    const error = await failure(reach(optionsFor(sshd, { knownHosts: path })));
    expect(error.code).toBe("denied");
    expect(error.fact).toContain(`the host key of ${name()} is not known`);
    expect(error.fact).toContain(fingerprintOf(join(sshd.dir, "host_ed25519.pub")));
    expect(error.hint).toContain(`ssh-keyscan -p ${sshd.port} 127.0.0.1 >> ${path}`);
    expect(readFileSync(path, "utf8")).toBe("");
  });

  test("a changed key is refused with file, line, fingerprint and ssh-keygen -R, also with accept-new", async () => {
    const path = file(`# a comment\n${name()} ${other}\n`);
    for (const hostKeyCheck of ["strict", "accept-new"] as const) {
      const error = await failure(reach(optionsFor(sshd, { knownHosts: path, hostKeyCheck })));
      expect(error.code).toBe("denied");
      expect(error.fact).toContain(`the host key of ${name()} has changed`);
      expect(error.fact).toContain(`${path}, line 2`);
      expect(error.fact).toContain(fingerprintOf(join(sshd.dir, "host_ed25519.pub")));
      expect(error.hint).toContain(`ssh-keygen -R "${name()}" -f ${path}`);
    }
    execFileSync("ssh-keygen", ["-R", name(), "-f", path], { stdio: "ignore" });
    expect((await failure(reach(optionsFor(sshd, { knownHosts: path })))).fact).toContain("is not known");
  });

  test("accept-new adds an unknown key where ssh finds it, and holds the host to it", async () => {
    const path = file("# no line break at the end");
    await reach(optionsFor(sshd, { knownHosts: path, hostKeyCheck: "accept-new" }));
    await reach(optionsFor(sshd, { knownHosts: path }));
    expect(execFileSync("ssh-keygen", ["-F", name(), "-f", path], { encoding: "utf8" })).toContain("ssh-ed25519");
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(3);
  });

  test("off looks at nothing", async () => {
    await reach(optionsFor(sshd, { knownHosts: file(`${name()} ${other}\n`), hostKeyCheck: "off" }));
  });

  test("a revoked key is refused even where it is known, and with accept-new", async () => {
    const path = file(`${sshd.hostKeyLine}@revoked * ${sshd.hostKeyLine.split(" ").slice(1).join(" ")}`);
    const error = await failure(reach(optionsFor(sshd, { knownHosts: path, hostKeyCheck: "accept-new" })));
    expect(error.code).toBe("denied");
    expect(error.fact).toContain(`is revoked (${path}, line 2)`);
  });

  test("a host trusted through a certificate authority only is told apart by the built-in client", async () => {
    const path = file(`@cert-authority ${name()} ${other}\n`);
    const error = await failure(reach(optionsFor(sshd, { knownHosts: path, client: "built-in" })));
    expect(error.code).toBe("unsupported");
    expect(error.fact).toContain(`${path}, line 1`);
  });

  test.each(["ed25519", "ecdsa", "rsa"] as const)(
    "of three host keys the client asks for the known one: %s",
    async (type) => {
      const many = await startSshd({ hostKeys: ["ed25519", "ecdsa", "rsa"] });
      try {
        const word = type === "ecdsa" ? "ecdsa-sha2-nistp256" : `ssh-${type}`;
        const line = many.hostKeyLine.split("\n").find((entry) => entry.includes(` ${word} `))!;
        await reach(optionsFor(many, { knownHosts: `${line}\n` }));
      } finally {
        await many.stop();
      }
    },
  );

  test("a host that no longer offers the known type is told apart from a changed key", async () => {
    const rsa = readFileSync(`${makeKey(join(sshd.dir, "rsa_host"), "rsa")}.pub`, "utf8")
      .split(" ")
      .slice(0, 2)
      .join(" ");
    const path = file(`${name()} ${rsa}\n`);
    const error = await failure(reach(optionsFor(sshd, { knownHosts: path })));
    expect(error.fact).toContain(`but only its ssh-rsa key is known (${path}, line 1)`);
  });

  test("HostKeyAlias names the key without a port", async () => {
    const configFile = join(sshd.dir, "alias_config");
    writeFileSync(configFile, `Host lab\n  HostName 127.0.0.1\n  HostKeyAlias kvm-lab\n`);
    const knownHosts = sshd.hostKeyLine.replace(name(), "kvm-lab");
    await reach(optionsFor(sshd, { host: "lab", configFile, knownHosts }));
  });
});

describe("a host that cannot be reached", () => {
  const base = { user: "root", agent: "none", identityFiles: [], configFile: "none", knownHosts: "a b" };

  test("refused connection", async () => {
    const port = await freePort();
    const error = await failure(reach({ ...base, host: "127.0.0.1", port }));
    expect(error).toMatchObject({ code: "unreachable", fact: `127.0.0.1 refuses connections on port ${port}` });
  });

  test("a name that does not resolve", async () => {
    const error = await failure(reach({ ...base, host: "no-such-host.invalid" }));
    expect(error).toMatchObject({ code: "unreachable", fact: "the name no-such-host.invalid cannot be resolved" });
  });

  test("a host that is silent", async () => {
    const { createServer } = await import("node:net");
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const address = silent.address() as { port: number };
    try {
      const error = await failure(reach({ ...base, host: "127.0.0.1", port: address.port, connectTimeout: 200 }));
      expect(error).toMatchObject({ code: "timeout" });
      expect(error.fact).toContain("within 0.2 s");
    } finally {
      silent.close();
    }
  });

  test("closing the transport gives a dialling up at once", async () => {
    const { createServer } = await import("node:net");
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const address = silent.address() as { port: number };
    try {
      const transport = sshTransport({ ...base, host: "127.0.0.1", port: address.port });
      const opening = failure(transport.connect("/some.sock"));
      const start = performance.now();
      await transport.close();
      expect((await opening).fact).toContain("was given up");
      expect(performance.now() - start).toBeLessThan(5000);
    } finally {
      silent.close();
    }
  });

  test("something that does not speak ssh", async () => {
    const { createServer } = await import("node:net");
    const http = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const address = http.address() as { port: number };
    try {
      const error = await failure(reach({ ...base, host: "127.0.0.1", port: address.port }));
      expect(error.code).toBe("unreachable");
      expect(error.hint).toContain("ssh -v");
    } finally {
      http.close();
    }
  });
});
