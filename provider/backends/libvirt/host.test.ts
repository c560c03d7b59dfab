import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openHost } from "./host.js";

it("connects nobody before the first call, asks for facts again after a failure, and is closed without having been used", async () => {
  const folder = await mkdtemp(join(tmpdir(), "host-"));
  const socket = join(folder, "s");
  let calls = 0;
  const server = createServer((client) => {
    calls += 1;
    client.destroy();
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    const host = openHost({ uri: `qemu:///system?socket=${socket}` });
    expect(host.uri.identity).toBe(`qemu:///system?socket=${socket}`);
    await host.close();
    expect(calls).toBe(0);
    const other = openHost({ uri: `qemu:///system?socket=${socket}` });
    await expect(other.facts()).rejects.toMatchObject({ code: "unreachable" });
    const before = calls;
    expect(before).toBeGreaterThan(0);
    await expect(other.facts()).rejects.toMatchObject({ code: "unreachable" });
    expect(calls).toBeGreaterThan(before);
    await other.close();
    await expect(other.facts()).rejects.toMatchObject({ code: "unreachable" });
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});

it("refuses a wrong URI at once", () => {
  expect(() => openHost({ uri: "qemu+ext://h/system" })).toThrow(expect.objectContaining({ code: "invalid" }));
});
