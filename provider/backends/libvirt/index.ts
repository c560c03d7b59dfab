import { backend } from "../backend.js";
import { type LibvirtHost, openHost } from "./host.js";
import { network } from "./network.js";
import type { Limits } from "./rpc/session.js";
import { storagePool } from "./storage-pool.js";
import { parseUri, SCHEMES } from "./uri.js";
import { virtualMachine } from "./virtual-machine.js";
import { volume } from "./volume.js";

/** The backend with other limits of patience than the usual ones: for tests. */
export const libvirtWithin = (limits: Limits) =>
  backend<LibvirtHost>({
    name: "libvirt",
    schemes: SCHEMES,
    identify: (uri) => parseUri(uri).identity,
    open: (settings) => openHost(settings, undefined, limits),
    close: (host) => host.close(),
    // Loaded when it is asked for: that takes 40 ms, and no step of a stack needs it.
    diagnose: async (host, look) => (await import("./doctor/index.js")).diagnose(host, look),
    drivers: { StoragePool: storagePool, Volume: volume, Network: network, VirtualMachine: virtualMachine },
  });

/** KVM and QEMU hosts, and libvirt's own test driver, over libvirt's protocol. */
export const libvirt = libvirtWithin({});
