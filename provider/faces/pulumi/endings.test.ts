import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, it, vi } from "vitest";
import { closeOnLoss } from "./endings.js";
import { Hosts } from "./hosts.js";

/** Resets its first connection at once, and does not listen any more from then on. */
const DYING = `
const { createServer } = require("node:net");
const { parentPort, workerData } = require("node:worker_threads");
const server = createServer((client) => {
  client.on("error", () => undefined);
  server.close();
  client.resetAndDestroy();
  Atomics.store(workerData, 0, 1);
  Atomics.notify(workerData, 0);
});
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

it("ends with an engine that dies while a connection to it is being made", async () => {
  const dead = new Int32Array(new SharedArrayBuffer(4));
  const engine = new Worker(DYING, { eval: true, workerData: dead });
  const [port] = await once(engine, "message");
  const hosts = new Hosts(() => Promise.reject(new Error("no host is asked for")));
  const ended = vi.spyOn(hosts, "close").mockReturnValue(new Promise(() => undefined));
  closeOnLoss(hosts, `127.0.0.1:${port}`);
  // Nothing is heard of the connection before it is reset.
  process.nextTick(() => Atomics.wait(dead, 0, 0, 10_000));
  await vi.waitFor(() => expect(ended).toHaveBeenCalledOnce(), 10_000);
  await engine.terminate();
});
