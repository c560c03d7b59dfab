import { array, counter, int, size, str, struct, truth, uint, uuid } from "../codec.js";
import { domain, flags, LIST_MAX, listOf, needResults, snapshot, text, typedParam } from "../types.js";
import { call, order, procedures, slow } from "./procedure.js";

const one = struct({ dom: domain, flags });

/** Domains: finding, defining, running and describing them. Memory is in KiB. */
export const domains = procedures("domain", {
  list: call(273, struct({ needResults, flags }), listOf(domain)),
  /** Everything that is asked for with `stats` (`DomainStats`), of the given domains or, without any, of all. */
  allStats: call(
    344,
    struct({ doms: array(domain, LIST_MAX), stats: uint, flags }),
    array(struct({ dom: domain, params: array(typedParam, 4096) }), LIST_MAX),
  ),
  byName: call(23, struct({ name: str }), domain),
  byUuid: call(24, struct({ uuid }), domain),
  byId: call(22, struct({ id: int }), domain),
  define: call(350, struct({ xml: str, flags }), domain),
  create: slow(call(196, one, domain)),
  createXml: slow(call(10, struct({ xml: str, flags }), domain)),
  xml: call(14, one, str),
  /** `DomainState` and a reason that depends on it. */
  state: call(212, one, struct({ state: int, reason: int })),
  info: call(
    16,
    struct({ dom: domain }),
    struct({ state: int, maxMemory: size, memory: size, vcpus: int, cpuTime: counter }),
  ),
  isActive: call(150, struct({ dom: domain }), truth),
  isPersistent: call(151, struct({ dom: domain }), truth),
  isUpdated: call(202, struct({ dom: domain }), truth),
  shutdown: order(258, one),
  reboot: order(27, one),
  reset: order(245, one),
  suspend: order(34, struct({ dom: domain })),
  resume: order(28, struct({ dom: domain })),
  destroy: slow(order(234, one)),
  undefine: order(231, one),
  autostart: call(15, struct({ dom: domain }), truth),
  setAutostart: order(29, struct({ dom: domain, autostart: truth })),
  /** Since libvirt 11.2. */
  setAutostartOnce: order(450, struct({ dom: domain, autostart: truth })),
  /** Only a domain that does not run. */
  rename: call(358, struct({ dom: domain, newName: text, flags }), int),
  /** `type` is a `MetadataType`; `key` is the prefix and `uri` the namespace of an element. No `metadata` removes it. */
  setMetadata: order(264, struct({ dom: domain, type: int, metadata: text, key: text, uri: text, flags })),
  metadata: call(265, struct({ dom: domain, type: int, uri: text, flags }), str),
  snapshotXml: call(186, struct({ snapshot, flags }), str),
  snapshots: call(274, struct({ dom: domain, needResults, flags }), listOf(snapshot)),
  managedSave: slow(order(182, one)),
  hasManagedSave: call(183, one, truth),
  removeManagedSave: order(184, one),
});
