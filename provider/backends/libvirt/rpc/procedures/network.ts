import { int, long, str, struct, truth, uint, uuid } from "../codec.js";
import { flags, listOf, needResults, network, nwfilter, text } from "../types.js";
import { call, order, procedures, slow } from "./procedure.js";

const lease = struct({
  interface: str,
  /** Seconds since 1970; 0 does not expire. */
  expires: long,
  type: int,
  mac: text,
  iaid: text,
  address: str,
  prefix: uint,
  hostname: text,
  clientId: text,
});

/** Virtual networks. */
export const networks = procedures("network", {
  list: call(283, struct({ needResults, flags }), listOf(network)),
  byName: call(46, struct({ name: str }), network),
  byUuid: call(47, struct({ uuid }), network),
  /** `defineFlags` is unknown to daemons before libvirt 7.7, this one is not. */
  define: call(41, struct({ xml: str }), network),
  defineFlags: call(432, struct({ xml: str, flags }), network),
  createXml: slow(call(40, struct({ xml: str }), network)),
  create: slow(order(39, struct({ net: network }))),
  /** `command` is a `NetworkUpdate`, `section` a `NetworkSection`; `parentIndex` -1 is "the fitting one". */
  update: order(291, struct({ net: network, command: uint, section: uint, parentIndex: int, xml: str, flags })),
  xml: call(43, struct({ net: network, flags }), str),
  autostart: call(44, struct({ net: network }), truth),
  setAutostart: order(48, struct({ net: network, autostart: truth })),
  isActive: call(152, struct({ net: network }), truth),
  isPersistent: call(153, struct({ net: network }), truth),
  destroy: order(42, struct({ net: network })),
  undefine: order(49, struct({ net: network })),
  leases: call(341, struct({ net: network, mac: text, needResults, flags }), listOf(lease, 65_536)),
  bridge: call(45, struct({ net: network }), str),
  /** Since libvirt 9.7. */
  setMetadata: order(444, struct({ net: network, type: int, metadata: text, key: text, uri: text, flags })),
  /** Since libvirt 9.7. */
  metadata: call(445, struct({ net: network, type: int, uri: text, flags }), str),
});

/** Network filters. */
export const nwfilters = procedures("nwfilter", {
  list: call(286, struct({ needResults, flags }), listOf(nwfilter)),
  byName: call(175, struct({ name: str }), nwfilter),
  byUuid: call(176, struct({ uuid }), nwfilter),
  define: call(180, struct({ xml: str }), nwfilter),
  defineFlags: call(431, struct({ xml: str, flags }), nwfilter),
  xml: call(177, struct({ filter: nwfilter, flags }), str),
  undefine: order(181, struct({ filter: nwfilter })),
});
