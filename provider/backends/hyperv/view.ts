import type { ProviderError } from "../../core/errors.js";
import { answerError } from "./agent/errors.js";
import { type Decoded, type Decoder, fields, flag, list, number, optional, text } from "./decode.js";
import { settledMac } from "./macs.js";
import { settledPath } from "./paths.js";

const path: Decoder<string> = (value, at) => settledPath(text(value, at));
/** An error that is part of an answer. */
export const failure: Decoder<ProviderError> = (value) => answerError(value);
const id: Decoder<string> = (value, at) => text(value, at).toLowerCase();
const mac: Decoder<string> = (value, at) => settledMac(text(value, at));
/** An adapter without a switch shows an id of zeros on some hosts, and none on others. */
const switchId: Decoder<string> = (value, at) => id(value, at).replace(/^[0-]+$/, "");

const drive = fields({
  id: text,
  /** `SCSI` or `IDE`. */
  controller: text,
  number,
  location: number,
  /** Empty when nothing is in it. */
  path,
  /** The file that is written to: a checkpoint laid it over the disk of `path`. */
  layer: optional(path),
});

const adapter = fields({
  id: text,
  name: text,
  /** Id of the switch; empty when the cable is not plugged in. */
  switchId,
  mac,
  /** The host chooses the MAC at the first start. */
  dynamicMac: flag,
  /** A device that guests without drivers know. */
  legacy: flag,
  addresses: list(text),
  /** `mode`: `Untagged`, `Access`, `Trunk`, `Private`. */
  vlan: fields({ mode: text, access: number }),
});

/** A machine as the host tells it, in one answer. Sizes in bytes. */
export const machine = fields({
  id,
  name: text,
  /** `Running`, `Off`, `Saved`, `Paused`, one that passes, or `…Critical`. */
  state: text,
  notes: text,
  generation: number,
  path,
  /** `Start`, `StartIfRunning` or `Nothing`. */
  startAction: text,
  cpus: number,
  memory: fields({
    startup: number,
    minimum: number,
    maximum: number,
    dynamic: flag,
    buffer: number,
  }),
  firmware: optional(
    fields({
      secureBoot: flag,
      template: text,
      /** `device` is the id of a drive or adapter. */
      bootOrder: list(fields({ type: text, device: optional(text) })),
    }),
  ),
  tpm: flag,
  nics: list(adapter),
  disks: list(drive),
  dvds: list(drive),
  snapshots: list(fields({ id: text, name: text })),
});

/** A switch, with the host's own side of it. */
export const virtualSwitch = fields({
  id,
  name: text,
  /** `Private`, `Internal` or `External`. */
  type: text,
  notes: text,
  managementOS: flag,
  /** Names of the host's network adapters in it. */
  adapters: list(text),
  addresses: list(fields({ address: text, prefix: number })),
});

export const nat = fields({ name: text, prefix: text });

/** A network in which the host's DHCP server hands addresses out. */
const scope = fields({
  /** Address of the network. */
  id: text,
  name: text,
  /** One of ours, by its name. Of others nobody asks for reservations. */
  ours: flag,
  active: flag,
  start: text,
  end: text,
  reservations: list(fields({ address: text, mac, name: text })),
});

/** The host's DHCP server. */
export const dhcp = fields({
  /** `Running`, `Stopped`, …, `Absent` without that role, `Unknown`. */
  service: text,
  /** Why it did not say what it hands out. */
  error: optional(failure),
  scopes: list(scope),
});

/** It is not there because its drive or share is not: nobody knows then what that holds. */
const away = flag;

/** A file that may be a virtual disk. Sizes in bytes; those of one that something has open may not be known. */
export const disk = fields({
  path,
  exists: flag,
  away,
  fileSize: optional(number),
  size: optional(number),
  /** `Dynamic`, `Fixed` or `Differencing`. */
  type: optional(text),
  /** `VHD` or `VHDX`. */
  format: optional(text),
  parent: optional(path),
  /** A machine that runs, or anybody else, has it open. */
  open: flag,
  /** Stays the same for the life of a disk. */
  identifier: optional(text),
  /** Why it could not be read. */
  error: optional(failure),
});

/** A folder that is, or may become, a storage pool. Bytes; those of a share are not known. */
export const pool = fields({
  path,
  exists: flag,
  away,
  /** The folder that Hyper-V itself takes for disks. */
  isDefault: flag,
  /** Text of the mark that says whose it is. */
  mark: optional(text),
  capacity: optional(number),
  available: optional(number),
  /** Marks of the volumes in it, by the names of their files. */
  marks: list(fields({ file: text, text })),
});

export type PoolView = Decoded<typeof pool>;
export type MachineView = Decoded<typeof machine>;
export type AdapterView = Decoded<typeof adapter>;
export type DriveView = Decoded<typeof drive>;
export type SwitchView = Decoded<typeof virtualSwitch>;
export type ScopeView = Decoded<typeof scope>;
export type DhcpView = Decoded<typeof dhcp>;
export type NatView = Decoded<typeof nat>;
export type DiskView = Decoded<typeof disk>;
