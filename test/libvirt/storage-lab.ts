import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { type LibvirtHost, openHost } from "../../provider/backends/libvirt/host.js";
import { storagePool } from "../../provider/backends/libvirt/storage-pool.js";
import { volume } from "../../provider/backends/libvirt/volume.js";
import type { Step } from "../../provider/core/driver.js";
import { Engine } from "../../provider/core/engine.js";
import { kinds } from "../../provider/kinds/index.js";
import type { LibvirtHost as TestHost } from "../hosts/libvirt-host.js";

export const run = promisify(execFile);
export const MiB = 2 ** 20;

/** One process that works on a host: its own connection, engines and counters. */
export interface Worker {
  readonly host: LibvirtHost;
  readonly counts: Map<string, number>;
  readonly pools: Engine<typeof kinds.StoragePool, LibvirtHost>;
  readonly volumes: Engine<typeof kinds.Volume, LibvirtHost>;
  /** Calls by name since it was asked last. */
  calls(): Record<string, number>;
}

export function worker(uri: string): Worker {
  const counts = new Map<string, number>();
  const host = openHost({ uri }, counts);
  const place = { name: uri, connection: host };
  return {
    host,
    counts,
    pools: new Engine(kinds.StoragePool, storagePool, place),
    volumes: new Engine(kinds.Volume, volume, place),
    calls: () => {
      const calls = Object.fromEntries(counts);
      counts.clear();
      return calls;
    },
  };
}

/** Any number of workers on a host that is started later; `close` ends all of them. */
export function workersOn(host: () => TestHost) {
  const workers: Worker[] = [];
  return {
    start: (): Worker => {
      const made = worker(host().uri);
      workers.push(made);
      return made;
    },
    close: async (): Promise<void> => {
      for (const { host: open } of workers) await open.close();
    },
  };
}

export const silent = (): Omit<Step, "made"> => ({ report: () => undefined, signal: new AbortController().signal });

type Declared<K extends "StoragePool" | "Volume"> = Parameters<Engine<(typeof kinds)[K], LibvirtHost>["create"]>[0];

/** Inputs in their normal form; a mistake in them fails the test. */
export function declare<K extends "StoragePool" | "Volume">(
  kind: K,
  worker: Worker,
  written: Record<string, unknown>,
): Declared<K> {
  const engine = kind === "Volume" ? worker.volumes : worker.pools;
  const { inputs, problems } = engine.check({ owner: "proj/stack", ...written });
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return inputs as Declared<K>;
}

/** Images of known content: a sparse raw one, and the same as qcow2. */
export async function makeImages(folder: string): Promise<{ readonly raw: string; readonly qcow2: string }> {
  await mkdir(folder, { recursive: true });
  const raw = join(folder, "image.raw");
  const qcow2 = join(folder, "image.qcow2");
  await run("qemu-img", ["create", "-f", "raw", raw, "48M"]);
  const writes = ["write -P 7 1M 3M", "write -P 9 20M 64k", "write -P 5 30M 8M"].flatMap((w) => ["-c", w]);
  await run("qemu-io", ["-f", "raw", ...writes, raw]);
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, qcow2]);
  return { raw, qcow2 };
}

/** @throws when the guest would see other bytes, with what qemu-img said: the first place, or why it could not look. */
export const compare = (a: string, aFormat: string, b: string, bFormat: string) =>
  run("qemu-img", ["compare", "-U", "-f", aFormat, "-F", bFormat, a, b]).catch((error) => {
    const { code, signal, stdout, stderr } = error;
    throw new Error(`${a} is not as ${b} (code ${code}, signal ${signal}): ${stdout}${stderr}`, { cause: error });
  });

export const digest = async (path: string): Promise<string> =>
  createHash("sha256")
    .update(await readFile(path))
    .digest("hex");

/** Bytes that a file takes on its disk. */
export const taken = async (path: string): Promise<number> => (await stat(path)).blocks * 512;

/** A disk of `machine`, by its source: `file='…'`, or a volume of a pool. */
export const disk = (source: string, target: string) =>
  `<disk type='${source.startsWith("pool=") ? "volume" : "file"}' device='disk'><driver name='qemu' type='qcow2'/>
  <source ${source}/><target dev='${target}' bus='virtio'/></disk>`;

/** A small machine that is emulated, with these disks. */
export const machine = (
  name: string,
  disks: string,
) => `<domain type='qemu'><name>${name}</name><memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>${disks}</devices></domain>`;

/** Has the host know a machine that somebody else made. */
export async function defineMachine(host: TestHost, xml: string): Promise<void> {
  const file = join(host.root, "machine.xml");
  await writeFile(file, xml);
  await host.virsh("define", file);
}

export interface Web {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Serves one file; after `cutAt` bytes the connection ends, or hangs. */
export async function serve(path: string, cutAt?: number, hangs = false): Promise<Web> {
  const content = await readFile(path);
  const server: Server = createServer((request, response) => {
    const range = /^bytes=0-(\d+)$/.exec(request.headers.range ?? "");
    if (range?.[1] !== undefined) {
      const end = Math.min(Number(range[1]), content.length - 1);
      response.writeHead(206, { "content-range": `bytes 0-${end}/${content.length}`, "content-length": end + 1 });
      response.end(content.subarray(0, end + 1));
    } else {
      response.writeHead(200, { "content-length": content.length });
      if (cutAt === undefined) response.end(content);
      else response.write(content.subarray(0, cutAt), () => hangs || response.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/image.qcow2`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
