import { type AnyBackend, type Backend, backend } from "../backend.js";
import { diagnose } from "./diagnose.js";
import { type HypervHost, openHost, type Through } from "./host.js";
import { network } from "./network.js";
import { storagePool } from "./storage-pool.js";
import { parseUri, SCHEMES } from "./uri.js";
import { virtualMachine } from "./virtual-machine.js";
import { volume } from "./volume.js";

/** One driver for each kind. */
export const drivers: Backend<HypervHost>["drivers"] = {
  StoragePool: storagePool,
  Volume: volume,
  Network: network,
  VirtualMachine: virtualMachine,
};

/** The backend with something between its agents and us: for tests. */
export const hypervThrough = (through?: Through): AnyBackend =>
  backend<HypervHost>({
    name: "hyperv",
    schemes: SCHEMES,
    identify: (uri) => parseUri(uri).identity,
    open: (settings) => openHost(settings, undefined, through),
    close: (host) => host.close(),
    diagnose,
    drivers,
  });

/** Hosts with Microsoft Hyper-V, over SSH or on the machine itself, through an agent in Windows PowerShell. */
export const hyperv: AnyBackend = hypervThrough();
