import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Backend, backend } from "../../provider/backends/backend.js";
import { fileHost, type MemoryHost, privateHost } from "../../provider/backends/memory/host.js";
import { drivers } from "../../provider/backends/memory/index.js";
import type { OpenHost } from "../../provider/core/engine.js";
import { ProviderError } from "../../provider/core/errors.js";
import { contract } from "./contract.js";
import type { Fixture } from "./fixture.js";

const lost = () => new ProviderError("dropped", "the answer was lost");

const silent = ({ identity }: MemoryHost): MemoryHost => ({
  identity,
  read: () => Promise.reject(lost()),
  change: () => Promise.reject(lost()),
});

/** The first write reaches the host, and nothing is heard of it. */
const breaking = ({ identity, read, change }: MemoryHost): MemoryHost => ({
  identity,
  read,
  change: (edit) => change(edit).then(() => Promise.reject(lost())),
});

const opened = (host: MemoryHost): OpenHost => {
  const spec: Backend<MemoryHost> = {
    name: "memory",
    schemes: ["memory"],
    identify: () => host.identity,
    open: () => host,
    close: async () => undefined,
    diagnose: async () => [],
    drivers,
  };
  return backend(spec).host({ uri: host.identity });
};

function fixture(host: MemoryHost, close: () => Promise<void>): Fixture {
  const { StoragePool, Volume, Network, VirtualMachine } = drivers;
  return {
    host: opened(host),
    support: {
      StoragePool: StoragePool.support,
      Volume: Volume.support,
      Network: Network.support,
      VirtualMachine: VirtualMachine.support,
    },
    folder: (name) => `/memory/${name}`,
    cidr: (n) => `10.87.${n}.0/24`,
    cdroms: ["/memory/one.iso", "/memory/two.iso"],
    words: {},
    incarnation: async (id) => (await host.read()).VirtualMachine.find((m) => m.id === id)?.instance,
    breaking: async () => opened(breaking(host)),
    silent: async () => opened(silent(host)),
    close,
  };
}

contract("the memory backend in its process", {
  open: async () => fixture(privateHost("memory:"), async () => undefined),
});

contract("the memory backend on a file", {
  open: async () => {
    const folder = await mkdtemp(join(tmpdir(), "crossvisor-"));
    const path = join(folder, "host.json");
    return fixture(fileHost(`memory://${path}`, path), () => rm(folder, { recursive: true }));
  },
});
