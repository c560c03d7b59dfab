/** The libvirt protocol in TypeScript: what drivers of this backend use. */

export { ErrorCode } from "./codes.js";
export { CALLS_MAX, Connection, type ConnectionOptions, SLOW_MAX } from "./connection.js";
export { isUnknownProcedure, LibvirtError, libvirtCode, toProviderError } from "./errors.js";
export * from "./flags.js";
export type { Patience } from "./limit.js";
export { connect, host } from "./procedures/connect.js";
export { domains } from "./procedures/domain.js";
export { domainChange } from "./procedures/domain-change.js";
export { domainGuest } from "./procedures/domain-guest.js";
export { type EventKind, type EventOf, events } from "./procedures/event.js";
export { networks, nwfilters } from "./procedures/network.js";
export type { Procedure } from "./procedures/procedure.js";
export { secrets } from "./procedures/secret.js";
export { pools, volumes } from "./procedures/storage.js";
export { Session, type SessionOptions } from "./session.js";
export type { Chunk, ReceivedChunk } from "./streams.js";
export type { OnGap } from "./subscriptions.js";
export type { Sent } from "./transfer.js";
export type { DomainRef, NetworkRef, NwfilterRef, PoolRef, SecretRef, TypedParam, VolumeRef } from "./types.js";
export { byField, domainRef } from "./types.js";
