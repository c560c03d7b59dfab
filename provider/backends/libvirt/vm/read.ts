import type { Recorded } from "../../../core/driver.js";
import type { Stats } from "../inventory.js";
import { DomainState } from "../rpc/flags.js";
import { attribute, attributeAt, childrenOf, type Element, find, numberOf, sizeAt, textAt } from "../xml.js";
import { configuredMemory, liveMemory } from "./balloon.js";
import { layerOf, sourceOf } from "./located.js";
import { nicNames } from "./names.js";
import { type Notes, readNotes } from "./notes.js";
import { diskAt, macOf, ourDisks, ourNics } from "./ours.js";
import { CD_DRIVE, type Machine, type MachineInputs, type MachineOutputs, SEED_DRIVE } from "./types.js";

/** What the host said of one domain. */
export interface Seen {
  /** The definition: what the next start gives. */
  readonly config: Element;
  /** What runs now; `undefined` when it does not run, or when it need not be looked at. */
  readonly live: Element | undefined;
  readonly stats: Stats;
  readonly autostart: boolean;
  /** UUIDs of the host's networks by name, where a declaration spells one so and no note tells that it does. */
  readonly networks?: ReadonlyMap<string, string> | undefined;
  /** MACs whose network does not keep their address any more. */
  readonly unserved?: ReadonlySet<string>;
}

type Properties = { -readonly [P in keyof MachineInputs]?: MachineInputs[P] | null | undefined };

/** Every property that a domain shows, in the words of the kind. */
export function readProperties(seen: Seen, recorded: Recorded<Machine> | undefined): Partial<MachineInputs> {
  const { config, live, stats } = seen;
  const notes = readNotes(config);
  const declared = recorded?.inputs ?? {};
  const active = isActive(stats);
  const firmware = firmwareOf(config);
  const properties: Properties = {
    owner: notes?.owner,
    name: textAt(config, "name"),
    // A host keeps no empty one.
    description:
      either(declared.description ?? "", descriptionOf(config), live && descriptionOf(live)) ||
      (declared.description === "" ? "" : undefined),
    tags: notes && (declared.tags !== undefined || Object.keys(notes.tags).length > 0) ? notes.tags : undefined,
    guest: notes?.guest,
    cpus: either(declared.cpus, cpusOf(config), active ? number(stats["vcpu.current"]) : undefined),
    maxCpus: either(
      declared.maxCpus,
      numberOf("vcpu", textAt(config, "vcpu") ?? "1"),
      active ? number(stats["vcpu.maximum"]) : undefined,
    ),
    memory: either(declared.memory, configuredMemory(config), active ? liveMemory(config, stats) : undefined),
    maxMemory: either(declared.maxMemory, sizeAt(config, "memory", "KiB"), live && sizeAt(live, "memory", "KiB")),
    firmware: either(declared.firmware, firmware, live && firmwareOf(live)),
    secureBoot: secureBootOf(config),
    tpm: either(
      declared.tpm,
      find(config, "devices/tpm") !== undefined,
      live && find(live, "devices/tpm") !== undefined,
    ),
    acceleration: accelerationOf(attribute(live ?? config, "type"), declared.acceleration),
    disks: readDisks(seen, notes, declared.disks),
    // An empty drive of a guest is an answer too.
    cdrom: either(declared.cdrom ?? "", mediumOf(config) ?? "", live && (mediumOf(live) ?? "")) || undefined,
    networks: readNics(seen, notes, declared.networks),
    cloudInit: hasSeed(seen, notes) ? undefined : null,
    powerState: powerStateOf(stats),
    autostart: seen.autostart,
  };
  return properties as Partial<MachineInputs>;
}

/**
 * Where what runs and what is configured differ, one of them is not as declared: that one is shown, so that either is
 * seen as drift.
 */
const either = <T>(declared: T | undefined, config: T | undefined, live: T | undefined): T | undefined =>
  live === undefined || live === config ? config : declared === config ? live : config;

const descriptionOf = (domain: Element): string => textAt(domain, "description") ?? "";
const cpusOf = (domain: Element): number =>
  numberOf("vcpu", attributeAt(domain, "vcpu", "current") ?? textAt(domain, "vcpu") ?? "1");
const number = (value: Stats[string] | undefined): number | undefined =>
  typeof value === "number" ? value : undefined;

export const isActive = (stats: Stats): boolean => {
  const state = number(stats["state.state"]);
  return (
    state !== undefined && state !== DomainState.shutoff && state !== DomainState.crashed && state !== DomainState.none
  );
};

export function powerStateOf(stats: Stats): MachineInputs["powerState"] {
  const state = number(stats["state.state"]);
  if (state === DomainState.paused || state === DomainState.pmsuspended) return "paused";
  return isActive(stats) ? "running" : "stopped";
}

export function stateOf(stats: Stats): MachineOutputs["state"] {
  const state = number(stats["state.state"]);
  if (state === DomainState.crashed) return "crashed";
  return state === DomainState.pmsuspended ? "suspended" : powerStateOf(stats);
}

/** `efi` asked for by name (`firmware='efi'`), or a loader file of an older definition. */
const firmwareOf = (domain: Element): "uefi" | "bios" =>
  attributeAt(domain, "os", "firmware") === "efi" || attributeAt(domain, "os/loader", "type") === "pflash"
    ? "uefi"
    : "bios";

const secureBootOf = (domain: Element): boolean => {
  const firmware = find(domain, "os/firmware");
  const feature = firmware && childrenOf(firmware, "feature").find((f) => attribute(f, "name") === "secure-boot");
  return feature === undefined
    ? attributeAt(domain, "os/loader", "secure") === "yes"
    : attribute(feature, "enabled") === "yes";
};

function accelerationOf(type: string | undefined, declared: MachineInputs["acceleration"] | undefined) {
  if (type === "test") return declared ?? "auto";
  const fits = type === "kvm" ? ["auto", "required"] : ["auto", "none"];
  return declared !== undefined && fits.includes(declared) ? declared : type === "kvm" ? "required" : "none";
}

/** What lies in the CD drive; an adopted machine may have a disk under that name. */
const mediumOf = (domain: Element): string | undefined => {
  const drive = diskAt(domain, CD_DRIVE);
  return drive && attribute(drive, "device") === "cdrom" ? sourceOf(drive) : undefined;
};

/** One without a digest was put in by an update that did not finish. */
const hasSeed = ({ config, live }: Seen, notes: Notes | undefined): boolean => {
  const { path, digest } = notes?.seed ?? {};
  const holds = (domain: Element | undefined) => domain === undefined || sourceOf(diskAt(domain, SEED_DRIVE)) === path;
  return path !== undefined && digest !== "" && holds(config) && holds(live);
};

type DiskView = MachineInputs["disks"][number];
type NicView = MachineInputs["networks"][number];

function readDisks(
  { config, live }: Seen,
  notes: Notes | undefined,
  declared: readonly DiskView[] | undefined,
): DiskView[] {
  const mine = (name: string) => declared?.find((d) => d.name === name);
  const view = (disk: Element): DiskView => {
    const target = attributeAt(disk, "target", "dev") ?? "";
    const note = notes?.disks.find((d) => d.target === target);
    const path = sourceOf(disk) ?? "";
    // Without a mark (an adopted machine) a disk is the declared one with the same file.
    const name = note?.name ?? declared?.find((d) => (d.volume ?? d.path) === path)?.name ?? target;
    const format = attributeAt(disk, "driver", "type") === "qcow2" ? "qcow2" : "raw";
    return {
      name,
      volume: path,
      path,
      // A file over the disk has a format of its own.
      format: layerOf(disk) === undefined ? format : (mine(name)?.format ?? format),
      bus: (attributeAt(disk, "target", "bus") ?? "virtio") as DiskView["bus"],
      readOnly: find(disk, "readonly") !== undefined,
      // Only one of them is shown: the word that the declaration uses, else `volume`.
    };
  };
  const shown = (disk: DiskView): DiskView => {
    const { volume, path, ...rest } = disk;
    return mine(disk.name)?.path !== undefined ? { ...rest, path: path ?? "" } : { ...rest, volume: volume ?? "" };
  };
  const all = (domain: Element | undefined) => domain && ourDisks(domain, notes, declared).map(view);
  const order = notes?.disks.map((d) => d.name) ?? [];
  return arranged(merged(all(config) ?? [], all(live), declared), order).map(shown);
}

function readNics(
  { config, live, networks, unserved }: Seen,
  notes: Notes | undefined,
  declared: readonly NicView[] | undefined,
): NicView[] {
  const ours = (domain: Element | undefined) => (domain === undefined ? [] : ourNics(domain, notes, declared));
  const macs = [config, live].flatMap((domain) => ours(domain).map(macOf));
  const names = nicNames([...new Set(macs)], notes, declared);
  const view = (nic: Element): NicView => {
    const mac = macOf(nic);
    const note = notes?.nics.find((n) => n.mac === mac);
    const network = attributeAt(nic, "source", "network");
    const said = declared?.find((d) => d.name === names.get(mac))?.network;
    const isMeant = said !== undefined && network !== undefined && networks?.get(network) === said.toLowerCase();
    const spelling = note?.network === network ? (note?.spelling ?? network) : isMeant ? said : network;
    const source =
      attribute(nic, "type") === "bridge"
        ? { bridge: attributeAt(nic, "source", "bridge") ?? "" }
        : { network: unserved?.has(mac) ? `${spelling ?? ""} without its address` : (spelling ?? "") };
    return {
      name: names.get(mac) ?? mac,
      ...source,
      mac,
      ...(note?.allotted === undefined || unserved?.has(mac) ? {} : { address: note.allotted.address }),
      model: (attributeAt(nic, "model", "type") ?? "virtio") as NicView["model"],
      connected: attributeAt(nic, "link", "state") !== "down",
    };
  };
  const all = (domain: Element | undefined) => domain && ours(domain).map(view);
  const order = notes?.nics.map((n) => n.name) ?? [];
  return arranged(merged(all(config) ?? [], all(live), declared), order);
}

/** Elements of the definition; those that only run or are only configured show up exactly when that is not as declared. */
function merged<T extends { readonly name: string }>(
  config: T[],
  live: T[] | undefined,
  declared: readonly T[] | undefined,
): T[] {
  if (live === undefined) return config;
  const has = (list: readonly T[] | undefined, name: string) => list?.some((e) => e.name === name) ?? false;
  const lost = config.filter((e) => !has(live, e.name) && has(declared, e.name));
  const extra = live.filter((e) => !has(config, e.name) && !has(declared, e.name));
  const changed = (e: T): T => {
    const running = live.find((l) => l.name === e.name);
    const said = declared?.find((d) => d.name === e.name);
    return running && said && differs(said, running) && !differs(said, e) ? running : e;
  };
  return [...config.filter((e) => !lost.includes(e)).map(changed), ...extra];
}

const differs = (declared: object, shown: object): boolean =>
  Object.entries(declared).some(([k, v]) => v !== undefined && (shown as Record<string, unknown>)[k] !== v);

const arranged = <T extends { readonly name: string }>(list: T[], order: readonly string[]): T[] => {
  const rank = (e: T) => (order.includes(e.name) ? order.indexOf(e.name) : order.length);
  return list
    .map((e, i) => ({ e, i }))
    .sort((a, b) => rank(a.e) - rank(b.e) || a.i - b.i)
    .map(({ e }) => e);
};
