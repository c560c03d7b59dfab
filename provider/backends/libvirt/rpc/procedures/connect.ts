import { array, counter, int, nothing, size, str, struct } from "../codec.js";
import { chars, flags, listOf, needResults, nodeDevice, text, typedParam } from "../types.js";
import { call, order, procedures } from "./procedure.js";

/** The connection itself and its authentication. */
export const connect = procedures("connect", {
  /** Kinds of authentication that the daemon wants: 0 none, 1 SASL, 2 polkit. */
  authList: call(66, nothing, array(int, 20)),
  authPolkit: call(70, nothing, int),
  /** `name` is the driver URI as the daemon knows it: `qemu:///system`. */
  open: order(1, struct({ name: text, flags })),
  close: order(2, nothing),
  type: call(3, nothing, str),
  /** Version of the hypervisor: major × 1 000 000 + minor × 1 000 + release. */
  version: call(4, nothing, size),
  /** Version of libvirt, coded in the same way. */
  libVersion: call(157, nothing, size),
  hostname: call(59, nothing, str),
  uri: call(110, nothing, str),
  /** Most virtual CPUs of one domain of that type. */
  maxVcpus: call(5, struct({ type: text }), int),
  setIdentity: order(419, struct({ params: array(typedParam, 20), flags })),
});

/** The host. */
export const host = procedures("host", {
  /** XML. */
  capabilities: call(7, nothing, str),
  /** XML; what is left out is chosen by the host. The first call after a change of QEMU probes it (seconds). */
  domainCapabilities: call(342, struct({ emulator: text, arch: text, machine: text, virtType: text, flags }), str),
  /** `memory` in KiB. */
  info: call(
    6,
    nothing,
    struct({
      model: chars(32),
      memory: size,
      cpus: int,
      mhz: int,
      nodes: int,
      sockets: int,
      cores: int,
      threads: int,
    }),
  ),
  /** Bytes. */
  freeMemory: call(102, nothing, size),
  /** KiB; call with `count` 0 first to learn how many there are, then with that number. `cell` -1 is the whole host. */
  memoryStats: call(
    228,
    struct({ count: int, cell: int, flags }),
    struct({ params: array(struct({ field: str, value: counter }), 16), count: int }),
  ),
  cpuModels: call(312, struct({ arch: str, needResults, flags }), listOf(str, 8192)),
  baselineCpu: call(
    394,
    struct({ emulator: text, arch: text, machine: text, virtType: text, cpus: array(str, 256), flags }),
    str,
  ),
  poolCapabilities: call(403, struct({ flags }), str),
  devices: call(285, struct({ needResults, flags }), listOf(nodeDevice, 65_536)),
  deviceByName: call(113, struct({ name: str }), nodeDevice),
  deviceXml: call(114, struct({ name: str, flags }), str),
});
