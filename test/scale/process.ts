import { createInterface } from "node:readline";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { network } from "../../provider/backends/libvirt/network.js";
import { storagePool } from "../../provider/backends/libvirt/storage-pool.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { volume } from "../../provider/backends/libvirt/volume.js";
import { Engine } from "../../provider/core/engine.js";
import { isProviderError } from "../../provider/core/errors.js";
import type { Kind } from "../../provider/core/kind.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";

/** What one process is to do on a host: see `processes.ts`. */
export interface Job {
  readonly uri: string;
  /** The first call of this procedure waits for the word of the parent. */
  readonly holdAt: string;
  readonly kind: KindName;
  /** Words of objects that are made at the same time. */
  readonly objects: readonly Readonly<Record<string, unknown>>[];
}

/** How a creation ended. */
export type Ending =
  | { readonly id: string; readonly outputs: Readonly<Record<string, unknown>> }
  | { readonly code: string; readonly fact: string; readonly hint: string; readonly property: string };

const job = JSON.parse(process.argv[2] ?? "") as Job;
const connection = openHost({ uri: job.uri });
const { session } = connection;
const drivers = { StoragePool: storagePool, Volume: volume, Network: network, VirtualMachine: virtualMachine };
const engine = new Engine(kinds[job.kind] as Kind, drivers[job.kind] as never, { name: "host", connection });

const lines = createInterface(process.stdin);
const word = new Promise<void>((resolve) => lines.once("line", () => resolve()));
const call = session.call.bind(session);
let held = false;
session.call = async (procedure, args, patience) => {
  if (procedure.name === job.holdAt && !held) {
    held = true;
    console.log("held");
    await word;
  }
  return call(procedure, args, patience);
};

async function make(words: Job["objects"][number]): Promise<Ending> {
  try {
    const { inputs } = engine.check(words);
    const step = { report: () => undefined, signal: new AbortController().signal };
    const { id, outputs } = await engine.create(inputs as never, step);
    return { id, outputs };
  } catch (error) {
    if (!isProviderError(error)) throw error;
    const { code, fact, hint = "", where } = error;
    return { code, fact, hint, property: where.property ?? "" };
  }
}

async function main(): Promise<void> {
  console.log(JSON.stringify(await Promise.all(job.objects.map(make))));
  lines.close();
  await connection.close();
}

void main();
