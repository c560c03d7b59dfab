import { array, int, opaque, size, str, struct, uint } from "../codec.js";
import { domain, flags, text, typedParam } from "../types.js";
import { call, order, procedures, slow } from "./procedure.js";

const device = struct({ dom: domain, xml: str, flags });
/** Most parameters of one tuning call. */
const params = array(typedParam, 64);

/** Domains: changing them. Most take `Affect` flags. */
export const domainChange = procedures("domain", {
  setVcpus: order(199, struct({ dom: domain, count: uint, flags })),
  vcpus: call(200, struct({ dom: domain, flags }), int),
  /** KiB. */
  setMemory: order(204, struct({ dom: domain, memory: size, flags })),
  /** Seconds between two reports of the balloon, 0 stops them. */
  setMemoryStatsPeriod: order(308, struct({ dom: domain, period: int, flags })),
  attachDevice: slow(order(160, device)),
  /** "Done" only means that the guest was asked: wait for the event or read the live XML. Takes up to 5 s. */
  detachDevice: slow(order(161, device)),
  detachDeviceAlias: slow(order(392, struct({ dom: domain, alias: str, flags }))),
  updateDevice: slow(order(174, device)),
  /** KiB unless the flag `BlockResize.bytes` is given. */
  blockResize: order(251, struct({ dom: domain, disk: str, size, flags })),
  /** Bytes. */
  blockInfo: call(
    194,
    struct({ dom: domain, path: str, flags }),
    struct({ allocation: size, capacity: size, physical: size }),
  ),
  setBlockIoTune: order(252, struct({ dom: domain, disk: str, params, flags })),
  /** With `count` 0 the answer has only the number of parameters. */
  blockIoTune: call(253, struct({ dom: domain, disk: text, count: int, flags }), struct({ params, count: int })),
  setInterfaceParameters: order(256, struct({ dom: domain, device: str, params, flags })),
  /** With `count` 0 the answer has only the number of parameters. */
  interfaceParameters: call(
    257,
    struct({ dom: domain, device: str, count: int, flags }),
    struct({ params, count: int }),
  ),
  setSchedulerParameters: order(219, struct({ dom: domain, params, flags })),
  schedulerParameters: call(223, struct({ dom: domain, count: int, flags }), params),
  setNumaParameters: order(254, struct({ dom: domain, params, flags })),
  pinVcpu: order(225, struct({ dom: domain, vcpu: uint, cpumap: opaque(2048), flags })),
  pinEmulator: order(279, struct({ dom: domain, cpumap: opaque(2048), flags })),
});
