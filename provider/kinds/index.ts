import { Network } from "./network.js";
import { groupOf, StoragePool } from "./storage-pool.js";
import { VirtualMachine } from "./virtual-machine.js";
import { Volume } from "./volume.js";

export { groupOf, Network, StoragePool, VirtualMachine, Volume };

/** Every kind there is. A backend answers for each of them, by type. */
export const kinds = { StoragePool, Volume, Network, VirtualMachine } as const;
export type Kinds = typeof kinds;
export type KindName = keyof Kinds;
