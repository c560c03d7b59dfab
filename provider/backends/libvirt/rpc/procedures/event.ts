import { array, type Codec, int, optional, size, str, struct } from "../codec.js";
import { domain, network, pool, secret, text, typedParam } from "../types.js";
import { call, order, type Procedure, procedures } from "./procedure.js";

const id = struct({ callbackId: int });

/** Registration of events, per family. */
export const registration = procedures("event", {
  registerDomain: call(316, struct({ id: int, target: optional(domain) }), int),
  deregisterDomain: order(317, id),
  registerNetwork: call(313, struct({ id: int, target: optional(network) }), int),
  deregisterNetwork: order(314, id),
  registerPool: call(368, struct({ id: int, target: optional(pool) }), int),
  deregisterPool: order(369, id),
  registerSecret: call(380, struct({ id: int, target: optional(secret) }), int),
  deregisterSecret: order(381, id),
});

/** One kind of event: how to ask for it and how its messages look. */
export interface EventKind<T> {
  /** Number of the kind within its family. */
  readonly id: number;
  /** Procedure number of its messages. */
  readonly message: number;
  readonly body: Codec<T>;
  readonly register: Procedure<{ readonly id: number }, number>;
  readonly deregister: Procedure<{ readonly callbackId: number }, void>;
}

const family =
  (register: EventKind<unknown>["register"], deregister: EventKind<unknown>["deregister"]) =>
  <T>(eventId: number, message: number, body: Codec<T>): EventKind<T> => ({
    id: eventId,
    message,
    body,
    register,
    deregister,
  });

const ofDomain = family(registration.registerDomain, registration.deregisterDomain);
const ofNetwork = family(registration.registerNetwork, registration.deregisterNetwork);
const ofPool = family(registration.registerPool, registration.deregisterPool);
const ofSecret = family(registration.registerSecret, registration.deregisterSecret);

const alias = struct({ dom: domain, alias: str });

/** Every kind of event that can be subscribed to. */
export const events = {
  /** `event` is a `DomainEvent`; the meaning of `detail` depends on it. */
  domainLifecycle: ofDomain(0, 318, struct({ dom: domain, event: int, detail: int })),
  domainReboot: ofDomain(1, 319, struct({ dom: domain })),
  /** `reason`: 0 opened, 1 closed. */
  trayChange: ofDomain(10, 328, struct({ dom: domain, alias: str, reason: int })),
  /** `actual` in KiB. */
  balloonChange: ofDomain(13, 331, struct({ dom: domain, actual: size })),
  deviceRemoved: ofDomain(15, 333, alias),
  /** `type`: 1 pull, 2 copy, 3 commit, 4 active commit, 5 backup. `status`: 0 completed, 1 failed, 2 cancelled, 3 ready. */
  blockJob: ofDomain(16, 339, struct({ dom: domain, disk: str, type: int, status: int })),
  tunable: ofDomain(17, 346, struct({ dom: domain, params: array(typedParam, 2048) })),
  /** `state`: 1 connected, 2 disconnected. `reason`: 0 unknown, 1 domain started, 2 channel. */
  agentLifecycle: ofDomain(18, 348, struct({ dom: domain, state: int, reason: int })),
  deviceAdded: ofDomain(19, 354, alias),
  jobCompleted: ofDomain(21, 363, struct({ dom: domain, params: array(typedParam, 2048) })),
  deviceRemovalFailed: ofDomain(22, 367, alias),
  /** `type` is a `MetadataType`. */
  metadataChange: ofDomain(23, 379, struct({ dom: domain, type: int, uri: text })),
  blockThreshold: ofDomain(24, 385, struct({ dom: domain, device: str, path: text, threshold: size, excess: size })),
  memoryFailure: ofDomain(25, 423, struct({ dom: domain, recipient: int, action: int, flags: int })),
  /** `size` in KiB. */
  memoryDeviceSizeChange: ofDomain(26, 438, struct({ dom: domain, alias: str, size })),
  /** Since libvirt 11.2. */
  nicMacChange: ofDomain(27, 453, struct({ dom: domain, alias: str, oldMac: str, newMac: str })),
  /** 0 defined, 1 undefined, 2 started, 3 stopped. */
  networkLifecycle: ofNetwork(0, 315, struct({ net: network, event: int, detail: int })),
  /** Since libvirt 9.8. */
  networkMetadataChange: ofNetwork(1, 446, struct({ net: network, type: int, uri: text })),
  /** 0 defined, 1 undefined, 2 started, 3 stopped, 4 created, 5 deleted. */
  poolLifecycle: ofPool(0, 370, struct({ pool, event: int, detail: int })),
  poolRefresh: ofPool(1, 373, struct({ pool })),
  /** 0 defined, 1 undefined. */
  secretLifecycle: ofSecret(0, 382, struct({ secret, event: int, detail: int })),
  secretValueChange: ofSecret(1, 383, struct({ secret })),
} as const;

/** What a subscriber of that kind gets. */
export type EventOf<K> = K extends EventKind<infer T> ? T : never;

/** Every kind of event by the procedure number of its messages. */
export const eventByMessage: ReadonlyMap<number, EventKind<unknown>> = new Map(
  Object.values(events).map((kind) => [kind.message, kind as EventKind<unknown>]),
);
