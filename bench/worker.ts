import { openHost } from "../provider/backends/libvirt/host.js";
import { network } from "../provider/backends/libvirt/network.js";
import { storagePool } from "../provider/backends/libvirt/storage-pool.js";
import { virtualMachine } from "../provider/backends/libvirt/virtual-machine.js";
import { volume } from "../provider/backends/libvirt/volume.js";
import { Engine, type Kept } from "../provider/core/engine.js";
import type { Kind } from "../provider/core/kind.js";
import type { HostSettings } from "../provider/core/settings.js";
import { type KindName, kinds } from "../provider/kinds/index.js";
import type { StateEntry } from "../test/pulumi/stack.js";

const drivers = { StoragePool: storagePool, Volume: volume, Network: network, VirtualMachine: virtualMachine };

/** Our provider in this process, without a face. */
export interface Worker {
  /** Makes a resource; `report` hears what a person would. */
  make(kind: KindName, written: object, report?: (line: string) => void): Promise<Kept<Kind>>;
  remove(kind: KindName, made: Kept<Kind>): Promise<void>;
  read(kind: KindName, kept: Pick<StateEntry, "id" | "inputs" | "outputs">): Promise<Kept<Kind> | undefined>;
  close(): Promise<void>;
}

export function openWorker(settings: HostSettings): Worker {
  const host = openHost(settings);
  const { signal } = new AbortController();
  const engine = (kind: KindName) =>
    new Engine(kinds[kind] as Kind, drivers[kind] as never, { name: settings.uri, connection: host });
  const silent = { signal, report: () => undefined };
  return {
    make: async (kind, written, report = silent.report) => {
      const { inputs, problems } = engine(kind).check({ owner: "bench/bench", ...written });
      if (problems.length > 0) throw new Error(JSON.stringify(problems));
      return engine(kind).create(inputs as never, { signal, report });
    },
    remove: (kind, { id, inputs }) => engine(kind).remove(id, inputs, silent),
    read: (kind, { id = "", inputs, outputs }) => engine(kind).read(id, inputs as never, outputs as never),
    close: () => host.close(),
  };
}

/** A step that reads all of our resources of a state, all at once and in a new session, as a refresh does. */
export async function readers(uri: string, state: readonly StateEntry[]): Promise<() => Promise<void>> {
  const ours = state.flatMap((entry) => {
    const kind = /crossvisor:(\w+)$/.exec(entry.type)?.[1];
    return kind === undefined || !Object.hasOwn(kinds, kind) ? [] : [{ kind: kind as KindName, entry }];
  });
  return async () => {
    const worker = openWorker({ uri });
    try {
      const read = await Promise.all(ours.map(({ kind, entry }) => worker.read(kind, entry)));
      if (read.some((kept) => kept === undefined)) throw new Error("a resource is gone");
    } finally {
      await worker.close();
    }
  };
}
