import { randomBytes } from "node:crypto";
import { connect as dialSocket, type Socket } from "node:net";
import { expect } from "vitest";
import {
  type Chunk,
  Connection,
  connect,
  domainChange,
  domainGuest,
  domains,
  host,
  networks,
  nwfilters,
  pools,
  secrets,
  volumes,
} from "../../provider/backends/libvirt/rpc/index.js";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";

let lab: LibvirtHost | undefined;

/** Starts the private libvirtd that all tests of this folder use; `stop` ends it. */
export async function startDaemon(): Promise<void> {
  lab = await startLibvirtd();
}

export const stopDaemon = async (): Promise<void> => lab?.stop();

export async function dial(): Promise<Socket> {
  if (lab === undefined) throw new Error("the private libvirtd is not started");
  const socket = dialSocket(lab.socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return socket;
}

/** Calls of all connections of this file, by name. */
export const counts = new Map<string, number>();
/** Replies with bytes that the table does not know. */
export const trailing: string[] = [];

export const open = async (uri: string): Promise<Connection> =>
  Connection.open(await dial(), uri, {
    counts,
    onTrailing: (procedure, bytes) => trailing.push(`${procedure}: ${bytes}`),
  });

/** All tables of procedures but that of the events. */
export const areas = [connect, host, domains, domainChange, domainGuest, pools, volumes, networks, nwfilters, secrets];
export const everyProcedure = areas.flatMap((area) => Object.values(area).map(({ name }) => name));

/** Waits for a condition, at most `limitMs`. */
export async function until(condition: () => boolean, limitMs = 10_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const domainXml = (name: string, driver: string, devices = ""): string => `
<domain type='${driver}'><name>${name}</name><memory unit='MiB'>64</memory><currentMemory unit='MiB'>48</currentMemory>
<vcpu current='1'>2</vcpu><os><type arch='${driver === "test" ? "i686" : "x86_64"}'>hvm</type></os><features><acpi/></features>
<devices>${devices}</devices></domain>`;

export const MIB = 2 ** 20;
/** Makes names of this run its own. */
export const suffix = randomBytes(3).toString("hex");
/** What a promise rejects with; it must. */
export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail("it should have failed"),
    (error) => error,
  );
export async function* of(...chunks: Chunk[]): AsyncGenerator<Chunk> {
  yield* chunks;
}
