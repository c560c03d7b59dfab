import { isAbsolute, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { ProviderError } from "../../core/errors.js";
import { type AnyBackend, type Backend, backend } from "../backend.js";
import { diagnose } from "./diagnose.js";
import { fileHost, type MemoryHost, privateHost } from "./host.js";
import { network } from "./network.js";
import { storagePool } from "./storage-pool.js";
import { virtualMachine } from "./virtual-machine.js";
import { volume } from "./volume.js";

/** One driver for each kind. */
export const drivers: Backend<MemoryHost>["drivers"] = {
  StoragePool: storagePool,
  Volume: volume,
  Network: network,
  VirtualMachine: virtualMachine,
};

/**
 * A backend of pretended hosts, which keep every promise and run nothing. `memory:` is one host that lives as long as
 * this backend; `memory:///absolute/path.json` is a file, which separate processes share.
 */
export function memoryBackend(): AnyBackend {
  const own = privateHost("memory:");
  return backend<MemoryHost>({
    name: "memory",
    schemes: ["memory"],
    identify,
    open: ({ uri }) => {
      const identity = identify(uri);
      return identity === "memory:" ? own : fileHost(identity, fileURLToPath(identity.replace("memory:", "file:")));
    },
    close: async () => undefined,
    diagnose,
    drivers,
  });
}

/** The memory backend of this process. */
export const memory: AnyBackend = memoryBackend();

/** Throws `invalid` for what is neither `memory:` nor `memory:///absolute/path`. */
function identify(uri: string): string {
  const path = /^memory:(?:\/\/)?(.*)$/i.exec(uri)?.[1];
  if (path === "") return "memory:";
  if (path === undefined || !isAbsolute(path) || /[?#]/.test(path))
    throw new ProviderError("invalid", `"${uri}" is not a host of the memory backend`, {
      where: { property: "crossvisor:uri" },
      hint: 'Write "memory:" for one that ends with the process, or "memory:///absolute/path.json" for a file.',
    });
  return `memory://${normalize(path)}`;
}
