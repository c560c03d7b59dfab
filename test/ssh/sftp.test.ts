import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Part, Sftp } from "../../provider/transports/sftp.js";
import { sshTransport } from "../../provider/transports/ssh.js";
import type { LoginTransport } from "../../provider/transports/transport.js";
import { failure, optionsFor } from "./fixtures.js";
import { freePort, type Sshd, sshdMissing, startSshd, withSshd } from "./sshd.js";

async function* these(...parts: readonly Part[]): AsyncGenerator<Part> {
  yield* parts;
}

describe.skipIf(sshdMissing !== undefined).each(["built-in", "openssh"] as const)(
  withSshd("files over ssh, %s"),
  (client) => {
    let sshd: Sshd;
    let transport: LoginTransport;
    let sftp: Sftp;
    beforeAll(async () => {
      sshd = await startSshd({ config: ["Subsystem sftp internal-sftp"] });
      transport = sshTransport(optionsFor(sshd, { client }));
      sftp = await Sftp.open(await transport.subsystem("sftp"));
    });
    afterAll(async () => {
      sftp?.close();
      await transport?.close();
      await sshd?.stop();
    });

    test("bytes arrive unchanged, holes are zeros, also one at the end, and a longer file before is gone", async () => {
      const path = join(sshd.dir, "画像 'a' $(b).bin");
      writeFileSync(path, randomBytes(9_000_000));
      const [one, two] = [randomBytes(5_000_001), randomBytes(70_000)];
      const seen: number[] = [];
      const options = { onProgress: (bytes: number) => seen.push(bytes) };
      const size = await sftp.put(path, these(one, { hole: 1_000_000 }, two, { hole: 100_000 }), options);
      const expected = Buffer.concat([one, Buffer.alloc(1_000_000), two, Buffer.alloc(100_000)]);
      expect(readFileSync(path).equals(expected)).toBe(true);
      expect(size).toBe(expected.length);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      await sftp.put(path, these());
      expect(readFileSync(path)).toHaveLength(0);
    });

    test("as much goes in one write as the server says that it takes", async () => {
      const seen: number[] = [];
      const options = { onProgress: (bytes: number) => seen.push(bytes) };
      await sftp.put(join(sshd.dir, "large"), these(Buffer.alloc(1024 * 1024)), options);
      // OpenSSH takes 255 KiB; without its word pieces of 32 KiB would be 32.
      expect(seen).toHaveLength(5);
    });

    test("a folder that is not there, and one in the place of the file", async () => {
      const missing = await failure(sftp.put(join(sshd.dir, "no", "such"), these()));
      expect(missing).toMatchObject({ code: "not-found", fact: expect.stringContaining(join(sshd.dir, "no", "such")) });
      mkdirSync(join(sshd.dir, "folder"));
      expect(await failure(sftp.put(join(sshd.dir, "folder"), these()))).toMatchObject({ code: "failed" });
    });

    test("a source that fails, and a caller who gives up, end the upload with their own error", async () => {
      async function* broken(): AsyncGenerator<Part> {
        yield Buffer.alloc(100_000);
        throw new Error("the source is gone");
      }
      await expect(sftp.put(join(sshd.dir, "broken"), broken())).rejects.toThrow("the source is gone");
      const abort = new AbortController();
      async function* endless(): AsyncGenerator<Part> {
        for (;;) yield Buffer.alloc(100_000);
      }
      const options = { signal: abort.signal, onProgress: () => abort.abort() };
      expect(await failure(sftp.put(join(sshd.dir, "endless"), endless(), options))).toMatchObject({ code: "timeout" });
      expect(await sftp.put(join(sshd.dir, "after"), these(Buffer.from("usable")))).toBe(6);
    });

    test("a connection that is cut drops the upload", async () => {
      const second = await startSshd({ config: ["Subsystem sftp internal-sftp"] });
      const other = sshTransport(optionsFor(second, { client }));
      const cut = await Sftp.open(await other.subsystem("sftp"));
      async function* first(): AsyncGenerator<Part> {
        yield Buffer.alloc(100_000);
        second.cut();
        for (;;) yield Buffer.alloc(100_000);
      }
      expect(await failure(cut.put(join(sshd.dir, "cut"), first()))).toMatchObject({ code: "dropped" });
      await other.close();
      await second.stop();
    });

    test("a server without the subsystem, and none at all", async () => {
      const bare = await startSshd();
      const other = sshTransport(optionsFor(bare, { client }));
      const open = async (t: LoginTransport) => Sftp.open(await t.subsystem("sftp"));
      try {
        const error = await failure(open(other));
        expect(error).toMatchObject({ code: "unsupported", fact: expect.stringContaining("has no subsystem sftp") });
      } finally {
        await other.close();
        await bare.stop();
      }
      const nobody = sshTransport(optionsFor(sshd, { client, port: await freePort() }));
      expect(await failure(open(nobody))).toMatchObject({ code: "unreachable" });
      await nobody.close();
    });
  },
);
