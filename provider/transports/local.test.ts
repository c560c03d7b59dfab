import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exchange, failure, startEcho } from "../../test/ssh/fixtures.js";
import { localTransport } from "./local.js";

const root = process.getuid?.() === 0;

describe("the local transport", () => {
  let folder: string;
  const transport = localTransport();
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "crossvisor-local-"));
    chmodSync(folder, 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("a unix socket carries bytes", async () => {
    const echo = await startEcho(join(folder, "echo.sock"));
    expect(String(await exchange(await transport.connect(echo.path), "hello"))).toBe("hello");
    await echo.stop();
  });

  test("no socket: not-found", async () => {
    const path = join(folder, "missing.sock");
    const error = await failure(transport.connect(path));
    expect(error).toMatchObject({ code: "not-found", fact: `there is no socket ${path}` });
    expect(error.hint).toContain("Start the daemon");
  });

  test("a socket left behind, or a plain file: unreachable", async () => {
    const path = join(folder, "plain");
    writeFileSync(path, "");
    expect(await failure(transport.connect(path))).toMatchObject({
      code: "unreachable",
      fact: `nobody listens on the socket ${path}`,
    });
  });

  /** Runs a step as the unprivileged user `nobody`. */
  async function unprivileged<T>(step: () => Promise<T>): Promise<T> {
    process.seteuid?.(65_534);
    try {
      return await step();
    } finally {
      process.seteuid?.(0);
    }
  }

  test.skipIf(!root)(
    "no permission: denied, and the group of the socket is named (skipped unless root, who may become somebody else)",
    async () => {
      const path = join(folder, "closed.sock");
      const server = createServer().listen(path);
      await new Promise((resolve) => server.once("listening", resolve));
      chownSync(path, 0, 1);
      chmodSync(path, 0o660);
      const grouped = await unprivileged(() => failure(transport.connect(path)));
      chmodSync(path, 0o600);
      const owned = await unprivileged(() => failure(transport.connect(path)));
      server.close();
      expect(grouped).toMatchObject({ code: "denied", fact: `no permission to use the socket ${path}` });
      expect(grouped.hint).toMatch(/^Add \S+ to the group daemon \(sudo usermod -aG daemon /);
      expect(owned.hint).toContain("owner (uid 0)");
    },
  );

  test("a command speaks on stdin and stdout", async () => {
    expect(String(await exchange(await transport.pipe(["cat"]), "through"))).toBe("through");
    expect(String(await exchange(await transport.pipe(["printf", "%s|", "a b", "$X"]), ""))).toBe("a b|$X|");
  });

  test("a command that fails ends the stream with its status and stderr", async () => {
    const step = exchange(await transport.pipe(["sh", "-c", "echo one >&2; echo two >&2; exit 3"]), "");
    expect(await failure(step)).toMatchObject({ code: "failed", fact: "sh ended with status 3: one; two" });
  });

  test("writing to a command that has gone tells why it went", async () => {
    const stream = await transport.pipe(["sh", "-c", "exec <&-; echo gone >&2; exit 4"]);
    const error = new Promise((resolve) => stream.once("error", resolve));
    stream.write(Buffer.alloc(1 << 20));
    expect(await error).toMatchObject({ code: "failed", fact: "sh ended with status 4: gone" });
  });

  test("a command that is missing, or may not run", async () => {
    expect(await failure(transport.pipe(["no-such-helper"]))).toMatchObject({ code: "not-found" });
    const path = join(folder, "not-executable");
    writeFileSync(path, "");
    chmodSync(path, 0o644);
    expect(await failure(transport.pipe([path]))).toMatchObject({ code: "denied" });
  });

  test("an aborted signal opens nothing", async () => {
    const error = await failure(transport.pipe(["cat"], AbortSignal.abort()));
    expect(error.code).toBe("timeout");
  });

  test("closing ends the streams and their commands", async () => {
    const own = localTransport();
    const stream = await own.pipe(["sh", "-c", "echo $$; exec cat"]);
    const pid = Number(await new Promise((resolve) => stream.once("data", resolve)));
    const closed = new Promise((resolve) => stream.once("close", resolve));
    await own.close();
    await closed;
    await expect.poll(() => alive(pid)).toBe(false);
  });
});

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
