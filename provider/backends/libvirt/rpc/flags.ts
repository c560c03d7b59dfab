/** Bits and numbers that calls take and give, by area. Source: libvirt's public headers; each checked against 9.0.0 where a test uses it. */

/** `domains.list`: without any bit everything is listed. */
export const DomainList = { active: 1, inactive: 2, persistent: 4, transient: 8 } as const;
/** `domains.define`. Without `validate` unknown elements are dropped silently. */
export const Define = { validate: 1 } as const;
/** `domains.create`. */
export const Create = { paused: 1, autodestroy: 2, forceBoot: 8, validate: 16, resetNvram: 32 } as const;
/** `domains.xml`; 0 is the live XML of a running domain. */
export const DomainXml = { secure: 1, inactive: 2, updateCpu: 4, migratable: 8 } as const;
/** What a change reaches; 0 is "live when it runs, else its definition". */
export const Affect = { current: 0, live: 1, config: 2 } as const;
/** `domainChange.*Device`, besides `Affect`. */
export const Device = { force: 4 } as const;
/** `domainChange.setMemory`, besides `Affect`. */
export const Memory = { maximum: 4 } as const;
/** `domains.shutdown`; 0 lets the driver choose. */
export const Shutdown = { acpi: 1, agent: 2 } as const;
/** `domains.undefine`; `tpm` and `keepTpm` since libvirt 8.9. */
export const Undefine = {
  managedSave: 1,
  snapshotsMetadata: 2,
  nvram: 4,
  keepNvram: 8,
  checkpointsMetadata: 16,
  tpm: 32,
  keepTpm: 64,
} as const;
/** `domains.snapshots`; 0 lists all. `internal` ones lie in the files of the disks. */
export const SnapshotList = { internal: 256, external: 512 } as const;
/** `source` of `domainGuest.interfaceAddresses`. */
export const AddressSource = { lease: 0, agent: 1, arp: 2 } as const;
/** `type` of `setMetadata` and `metadata`. */
export const MetadataType = { description: 0, title: 1, element: 2 } as const;
/** `domainChange.blockResize`; without `bytes` the size is in KiB. */
export const BlockResize = { bytes: 1, capacity: 2 } as const;
/** `stats` of `domains.allStats`. */
export const DomainStats = { state: 1, cpuTotal: 2, balloon: 4, vcpu: 8, interface: 16, block: 32 } as const;
/** `flags` of `domains.allStats`. `noWait` skips what a busy domain cannot tell at once. */
export const DomainStatsFlags = { active: 1, inactive: 2, backing: 1 << 30, noWait: 1 << 29 } as const;

/** `state` of `domains.state`. */
export const DomainState = {
  none: 0,
  running: 1,
  blocked: 2,
  paused: 3,
  shutdown: 4,
  shutoff: 5,
  crashed: 6,
  pmsuspended: 7,
} as const;
/** `event` of `events.domainLifecycle`. */
export const DomainEvent = {
  defined: 0,
  undefined: 1,
  started: 2,
  suspended: 3,
  resumed: 4,
  stopped: 5,
  shutdown: 6,
  pmsuspended: 7,
  crashed: 8,
} as const;

/** `pools.list` and `networks.list` know the same bits for these; without any bit everything is listed. */
export const ObjectList = {
  inactive: 1,
  active: 2,
  persistent: 4,
  transient: 8,
  autostart: 16,
  noAutostart: 32,
} as const;
/** `pools.xml` and `networks.xml`: what is defined instead of what is live. */
export const InactiveXml = { inactive: 1 } as const;
/** `state` of `pools.info`. */
export const PoolState = { inactive: 0, building: 1, running: 2, degraded: 3, inaccessible: 4 } as const;
/** `volumes.create` and `.createFrom`; `validate` since libvirt 8.10. */
export const VolumeCreate = { preallocateMetadata: 1, reflink: 2, validate: 4 } as const;
/** `volumes.resize`. `allocate` takes the room of what is added, of raw files only (9.0.0). */
export const VolumeResize = { allocate: 1 } as const;
/** `volumes.infoFlags`. */
export const VolumeInfo = { allocation: 0, physical: 1 } as const;
/** `volumes.upload` and `.download`. */
export const Stream = { sparse: 1 } as const;

/** `command` of `networks.update`. */
export const NetworkUpdate = { modify: 1, delete: 2, addLast: 3, addFirst: 4 } as const;
/** `section` of `networks.update`. */
export const NetworkSection = {
  bridge: 1,
  domain: 2,
  ip: 3,
  dhcpHost: 4,
  dhcpRange: 5,
  forward: 6,
  forwardInterface: 7,
  forwardPf: 8,
  portgroup: 9,
  dnsHost: 10,
  dnsTxt: 11,
  dnsSrv: 12,
} as const;
