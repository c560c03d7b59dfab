import { counter, int, size, str, struct, truth, uint, uuid } from "../codec.js";
import { flags, listOf, needResults, pool, text, volume } from "../types.js";
import { call, order, procedures, slow } from "./procedure.js";

const one = struct({ pool, flags });
const info = struct({ type: int, capacity: size, allocation: size });

/** Storage pools. Sizes are in bytes. */
export const pools = procedures("pool", {
  list: call(281, struct({ needResults, flags }), listOf(pool)),
  byName: call(84, struct({ name: str }), pool),
  byUuid: call(85, struct({ uuid }), pool),
  byVolume: call(86, struct({ vol: volume }), pool),
  byTargetPath: call(391, struct({ path: str }), pool),
  /** What the host could make pools of, as XML. `type` is a pool's: `logical`. */
  findSources: slow(call(75, struct({ type: str, spec: text, flags }), str)),
  define: call(77, struct({ xml: str, flags }), pool),
  createXml: slow(call(76, struct({ xml: str, flags }), pool)),
  build: slow(order(79, one)),
  create: slow(order(78, one)),
  refresh: slow(order(83, one)),
  /** Where a file server has more free than it has in all, the allocation is a huge number (measured with NFS, 9.0.0). */
  info: call(87, struct({ pool }), struct({ state: int, capacity: counter, allocation: counter, available: counter })),
  xml: call(88, one, str),
  autostart: call(89, struct({ pool }), truth),
  setAutostart: order(90, struct({ pool, autostart: truth })),
  isActive: call(154, struct({ pool }), truth),
  isPersistent: call(155, struct({ pool }), truth),
  volumes: call(282, struct({ pool, needResults, flags }), listOf(volume)),
  destroy: order(80, struct({ pool })),
  delete: slow(order(81, one)),
  undefine: order(82, struct({ pool })),
});

/** Volumes. Sizes are in bytes. */
export const volumes = procedures("volume", {
  create: slow(call(93, struct({ pool, xml: str, flags }), volume)),
  createFrom: slow(call(125, struct({ pool, xml: str, source: volume, flags }), volume)),
  byName: call(95, struct({ pool, name: str }), volume),
  byKey: call(96, struct({ key: str }), volume),
  byPath: call(97, struct({ path: str }), volume),
  info: call(98, struct({ vol: volume }), info),
  /** With the flag `VolumeInfo.physical` the third number is the physical size. */
  infoFlags: call(378, struct({ vol: volume, flags }), info),
  xml: call(99, struct({ vol: volume, flags }), str),
  path: call(100, struct({ vol: volume }), str),
  /** An upload. `length` 0 is "to the end"; the daemon does not check that so much arrives. */
  upload: order(208, struct({ vol: volume, offset: size, length: size, flags })),
  /** A download. `length` 0 is "to the end". */
  download: order(209, struct({ vol: volume, offset: size, length: size, flags })),
  resize: slow(order(260, struct({ vol: volume, capacity: size, flags }))),
  wipe: slow(order(165, struct({ vol: volume, flags }))),
  wipePattern: slow(order(259, struct({ vol: volume, algorithm: uint, flags }))),
  delete: slow(order(94, struct({ vol: volume, flags }))),
});
