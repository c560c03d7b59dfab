import type { KindName } from "../../provider/kinds/index.js";
import type { Table } from "./entry.js";
import { machine } from "./machine.js";
import { network, pool, volume } from "./others.js";

/** What every property of every kind is tried with. */
export const tables: Readonly<Record<KindName, Table>> = {
  StoragePool: pool,
  Volume: volume,
  Network: network,
  VirtualMachine: machine,
};
