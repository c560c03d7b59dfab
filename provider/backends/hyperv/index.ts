import type { HostSettings } from "../../core/settings.js";
import { type AnyBackend, type Backend, backend } from "../backend.js";
import { diagnose } from "./diagnose.js";
import { type HypervHost, openHost } from "./host.js";
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

/** The backend over hosts that are opened in another way: for tests. */
export const hypervOver = (open: (settings: HostSettings) => HypervHost): AnyBackend =>
  backend<HypervHost>({
    name: "hyperv",
    schemes: SCHEMES,
    identify: (uri) => parseUri(uri).identity,
    open,
    close: (host) => host.close(),
    diagnose,
    drivers,
  });

/** Hosts with Microsoft Hyper-V, over SSH or on the machine itself, through an agent in Windows PowerShell. */
export const hyperv: AnyBackend = hypervOver(openHost);
