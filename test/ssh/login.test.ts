import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SshOptions, sshTransport } from "../../provider/transports/ssh.js";
import { exchange, failure, optionsFor } from "./fixtures.js";
import { accountsMissing, makeKey, type Sshd, sshdMissing, startSshd, withSshd } from "./sshd.js";

/** Logs in, runs a command, and returns what it printed. */
async function whoami(options: SshOptions): Promise<string> {
  const transport = sshTransport(options);
  try {
    return String(await exchange(await transport.pipe(["id", "-un"]), "")).trim();
  } finally {
    await transport.close();
  }
}

describe.skipIf(sshdMissing !== undefined)(withSshd("ssh login with keys"), () => {
  let sshd: Sshd;
  let wrong: string;

  beforeAll(async () => {
    sshd = await startSshd();
    wrong = makeKey(join(sshd.dir, "wrong"));
  });
  afterAll(async () => {
    await sshd?.stop();
  });

  test("a key given as text", async () => {
    const privateKey = readFileSync(sshd.clientKeyPath, "utf8");
    expect(await whoami(optionsFor(sshd, { privateKey, identityFiles: [] }))).toBe(sshd.user);
  });

  test("the second of two identity files", async () => {
    expect(await whoami(optionsFor(sshd, { identityFiles: [wrong, sshd.clientKeyPath] }))).toBe(sshd.user);
  });

  test.each(["rsa", "ecdsa"])("a key of type %s", async (type) => {
    const key = makeKey(join(sshd.dir, `client_${type}`), type);
    const other = await startSshd({ clientKey: key });
    try {
      expect(await whoami(optionsFor(other))).toBe(other.user);
    } finally {
      await other.stop();
    }
  });

  test("a protected key opens with its passphrase only", async () => {
    const key = makeKey(join(sshd.dir, "protected"), "ed25519", "open sesame");
    const other = await startSshd({ clientKey: key });
    try {
      expect(await whoami(optionsFor(other, { passphrase: "open sesame" }))).toBe(other.user);
      const without = await failure(whoami(optionsFor(other)));
      expect(without).toMatchObject({ code: "denied" });
      expect(without.fact).toContain(`${key} (it is protected and no passphrase is given)`);
      const bad = await failure(whoami(optionsFor(other, { passphrase: "open barley" })));
      expect(bad.fact).toContain(`${key} (the passphrase does not open it)`);
      expect(bad.fact).not.toContain("barley");
    } finally {
      await other.stop();
    }
  });

  test("a refused login lists what was tried and what was left aside, and no key", async () => {
    const missing = join(sshd.dir, "missing");
    const damaged = join(sshd.dir, "damaged");
    writeFileSync(damaged, "-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense-material\n");
    const error = await failure(
      whoami(optionsFor(sshd, { identityFiles: [wrong, missing, damaged], password: "hunter2" })),
    );
    expect(error.code).toBe("denied");
    expect(error.fact).toContain(`${sshd.user}@127.0.0.1:${sshd.port} refused the login: tried ${wrong};`);
    expect(error.fact).toContain(`${missing} (no such file)`);
    expect(error.fact).toContain(`${damaged} (it is no private key in a known format)`);
    expect(error.fact).toContain("the server takes publickey");
    expect(`${error.fact}${error.hint}`).not.toMatch(/hunter2|nonsense-material/);
    expect(error.hint).toContain("authorized_keys");
  });

  test("too many wrong keys are named as such", async () => {
    const keys = Array.from({ length: 3 }, (_, index) => makeKey(join(sshd.dir, `many${index}`)));
    const strict = await startSshd({ config: ["MaxAuthTries 2"] });
    try {
      const error = await failure(whoami(optionsFor(strict, { identityFiles: [...keys, strict.clientKeyPath] })));
      expect(error.code).toBe("denied");
      expect(error.fact).toContain("MaxAuthTries");
    } finally {
      await strict.stop();
    }
  });

  describe("with an agent", () => {
    let agent: ChildProcess;
    let socket: string;
    const add = (key: string): void => {
      execFileSync("ssh-add", ["-q", key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: "ignore" });
    };

    beforeAll(async () => {
      socket = join(sshd.dir, "agent.sock");
      agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "ignore"] });
      await once(agent.stdout!, "data");
      add(wrong);
      add(sshd.clientKeyPath);
    });
    afterAll(() => {
      agent?.kill();
    });

    test("its keys are tried one after the other", async () => {
      expect(await whoami(optionsFor(sshd, { agent: socket, identityFiles: [] }))).toBe(sshd.user);
    });

    test("an RSA key in it signs with SHA-2", async () => {
      const key = makeKey(join(sshd.dir, "agent_rsa"), "rsa");
      add(key);
      const other = await startSshd({ clientKey: key });
      try {
        expect(await whoami(optionsFor(other, { agent: socket, identityFiles: [] }))).toBe(other.user);
      } finally {
        await other.stop();
      }
    });

    test("an identity file with its public half only is found in it, before keys that belong to nothing", async () => {
      const half = join(sshd.dir, "half");
      copyFileSync(`${sshd.clientKeyPath}.pub`, `${half}.pub`);
      const strict = await startSshd({ config: ["MaxAuthTries 2"], clientKey: sshd.clientKeyPath });
      try {
        for (let i = 0; i < 4; i++) add(makeKey(join(sshd.dir, `clutter${i}`)));
        expect(await whoami(optionsFor(strict, { agent: socket, identityFiles: [half] }))).toBe(sshd.user);
      } finally {
        await strict.stop();
      }
    });

    test("IdentitiesOnly keeps its other keys out", async () => {
      const configFile = join(sshd.dir, "only");
      writeFileSync(configFile, "Host *\n  IdentitiesOnly yes\n");
      const error = await failure(whoami(optionsFor(sshd, { agent: socket, identityFiles: [wrong], configFile })));
      expect(error.fact).toMatch(/tried agent key ssh-ed25519 SHA256:\S+ crossvisor-test, \S+wrong;/);
    });

    test("an agent that does not answer is mentioned, and files still work", async () => {
      const gone = join(sshd.dir, "no-agent.sock");
      expect(await whoami(optionsFor(sshd, { agent: gone }))).toBe(sshd.user);
      const error = await failure(whoami(optionsFor(sshd, { agent: gone, identityFiles: [wrong] })));
      expect(error.fact).toContain(`the agent at ${gone} (`);
    });
  });
});

describe.skipIf(accountsMissing !== undefined)(withSshd("ssh login with a password", accountsMissing), () => {
  test("by method password, and in addition to a key where the server wants both", async () => {
    const sshd = await startSshd({ password: "pass word" });
    const both = await startSshd({ password: "pass word", config: ["AuthenticationMethods publickey,password"] });
    try {
      expect(await whoami(optionsFor(sshd, { identityFiles: [], password: "pass word" }))).toBe(sshd.user);
      const error = await failure(whoami(optionsFor(sshd, { identityFiles: [], password: "wrong word" })));
      expect(error.code).toBe("denied");
      expect(error.fact).toContain("tried password");
      expect(error.fact).not.toContain("wrong word");
      expect(await whoami(optionsFor(both, { password: "pass word" }))).toBe(both.user);
    } finally {
      await both.stop();
      await sshd.stop();
    }
  });

  test("by keyboard-interactive", async () => {
    const sshd = await startSshd({ password: "pass word", keyboardInteractive: true });
    try {
      expect(await whoami(optionsFor(sshd, { identityFiles: [], password: "pass word" }))).toBe(sshd.user);
      const error = await failure(whoami(optionsFor(sshd, { identityFiles: [], password: "wrong word" })));
      expect(error.fact).toContain("tried keyboard-interactive with the password; the server takes");
    } finally {
      await sshd.stop();
    }
  });
});
