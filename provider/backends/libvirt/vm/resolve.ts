import type { Step } from "../../../core/driver.js";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import { hostnameOf } from "../../../media/first-boot.js";
import { macOf } from "../../macs.js";
import { type Claim, plug, type Socket } from "../allotment.js";
import { ownFormat } from "../formats.js";
import type { LibvirtHost } from "../host.js";
import { isUuid } from "../identity.js";
import { refOf } from "../network-ref.js";
import { networks } from "../rpc/procedures/network.js";
import { volumes } from "../rpc/procedures/storage.js";
import { attributeAt, type Element, parseXml } from "../xml.js";
import { freeTarget } from "./devices.js";
import { sourceOf } from "./located.js";
import { nicNames } from "./names.js";
import type { Notes } from "./notes.js";
import { diskAt, disksOf, macOf as macOfNic, ourNics } from "./ours.js";
import { type Place, placeOf } from "./pool-of.js";
import type { DeclaredDisk, DeclaredNic, Disk, MachineInputs, Nic, Virtualisation } from "./types.js";

/** What exists already of a machine that is to be resolved. */
export interface Existing {
  readonly config: Element;
  readonly notes: Notes | undefined;
}

/** Chooses how the guest runs. Emulation instead of the processor's own virtualisation is said. */
export async function chooseVirtualisation(
  host: LibvirtHost,
  acceleration: MachineInputs["acceleration"],
  step: Pick<Step, "report">,
): Promise<Virtualisation> {
  if (host.uri.hypervisor === "test") return "test";
  if (acceleration === "none") return "qemu";
  const { kvm } = await host.facts();
  if (kvm !== undefined) return "kvm";
  if (acceleration === "required")
    throw new ProviderError("unsupported", NO_KVM, { where: { property: "acceleration" }, hint: KVM_HINT });
  step.report(`${NO_KVM}: the guest is emulated, which is slow`);
  return "qemu";
}

export const NO_KVM = "the host has no usable hardware virtualisation (KVM)";
export const KVM_HINT = 'Switch it on in the host\'s firmware and load its kvm module, or set acceleration to "none".';

/** Each disk with its format and device name; a disk that exists keeps its name for the guest. */
export async function resolveDisks(
  host: LibvirtHost,
  declared: readonly DeclaredDisk[],
  existing?: Existing,
): Promise<Disk[]> {
  const taken = new Set(existing ? disksOf(existing.config).map((d) => attributeAt(d, "target", "dev") ?? "") : []);
  const out: Disk[] = [];
  const ownOf = (name: string) => existing?.notes?.disks.find((d) => d.name === name)?.target;
  const claimed = new Set(declared.map((d) => ownOf(d.name)));
  for (const [i, disk] of declared.entries()) {
    const found = adopted(existing, disk);
    // The file may have moved here from a disk that stays and gets another file.
    const noted = ownOf(disk.name) ?? (claimed.has(found) ? undefined : found);
    const target = noted !== undefined && sameBus(noted, disk.bus) ? noted : freeTarget(disk.bus, taken);
    taken.add(target);
    const path = disk.volume ?? disk.path ?? "";
    const { name, bus, readOnly, format } = disk;
    const kept = format === undefined ? formatNow(existing, disk, noted) : ownFormat(format);
    const known = kept === undefined ? await inPool(host, path, disk.volume && `disks[${i}].volume`) : { format: kept };
    out.push({ name, path, bus, readOnly, target, ...known });
  }
  return out;
}

const sameBus = (target: string, bus: Disk["bus"]): boolean => target.startsWith(bus === "virtio" ? "vd" : "sd");

/** A disk of an adopted machine has no note: it is known by its file. */
const adopted = (existing: Existing | undefined, disk: DeclaredDisk): string | undefined => {
  const path = disk.volume ?? disk.path;
  const found = existing && disksOf(existing.config).find((d) => sourceOf(d) === path);
  return found && attributeAt(found, "target", "dev");
};

/** The format that the machine takes a file for which stays at its place, where the machine says one. */
function formatNow(
  existing: Existing | undefined,
  disk: DeclaredDisk,
  target: string | undefined,
): Disk["format"] | undefined {
  const there = existing && target !== undefined ? diskAt(existing.config, target) : undefined;
  if (there === undefined || sourceOf(there) !== (disk.volume ?? disk.path)) return undefined;
  const type = attributeAt(there, "driver", "type");
  return type === "qcow2" || type === "raw" ? type : undefined;
}

/**
 * The format that the host's pools know of a file; `raw` for what no pool holds. Two calls. `property` names the place
 * where only a volume of a pool is right.
 */
async function inPool(
  host: LibvirtHost,
  path: string,
  property: string | undefined,
): Promise<Pick<Disk, "format" | "pool">> {
  const place = await placeOf(host, path);
  const xml = place && (await volumeXml(host, place));
  if (xml !== undefined)
    return { format: attributeAt(xml, "target/format", "type") === "qcow2" ? "qcow2" : "raw", pool: place?.pool };
  if (property === undefined) return { format: "raw" };
  throw new ProviderError("invalid", `no storage pool of the host has a volume "${path}"`, {
    where: { property },
    hint: VOLUME_HINT,
  });
}

async function volumeXml(host: LibvirtHost, { vol }: Place): Promise<Element | undefined> {
  try {
    return parseXml(await host.session.call(volumes.xml, { vol, flags: 0 }), `the volume ${vol.key}`);
  } catch (error) {
    if (isProviderError(error, "not-found")) return undefined;
    throw error;
  }
}

export const VOLUME_HINT = "Declare a Volume, or give a file that no pool holds as `path`.";

/** Each interface with its MAC, its network and, on a network that allots addresses, its address. */
export async function resolveNics(
  host: LibvirtHost,
  machine: Pick<Identity, "uuid" | "name">,
  declared: readonly DeclaredNic[],
  existing?: Existing,
): Promise<Nic[]> {
  const out: Nic[] = [];
  const macs = existing === undefined ? [] : ourNics(existing.config, existing.notes, declared).map(macOfNic);
  const known = new Map([...nicNames(macs, existing?.notes, declared)].map(([mac, name]) => [name, mac]));
  for (const [i, nic] of declared.entries()) {
    const mac = nic.mac ?? known.get(nic.name) ?? macOf(machine.uuid, nic.name);
    const base = { name: nic.name, mac, model: nic.model, connected: nic.connected };
    if (nic.network === undefined) {
      out.push({ ...base, source: { bridge: nic.bridge ?? "" }, spelling: nic.bridge ?? "" });
      continue;
    }
    const name = out.length === 0 ? hostnameOf(machine.name) : `${hostnameOf(machine.name)}-${nic.name}`.toLowerCase();
    const claim = { mac, wanted: nic.address, name };
    const { name: network, uuid, address } = await plugIn(host, nic.network, claim, `networks[${i}].network`);
    out.push({ ...base, source: { network, uuid }, spelling: nic.network, address });
  }
  return out;
}

export interface Identity {
  readonly uuid: string;
  readonly name: string;
}

async function plugIn(host: LibvirtHost, spelling: string, claim: Claim, property: string): Promise<Socket> {
  try {
    const net = isUuid(spelling)
      ? await refOf(host, spelling)
      : await host.session.call(networks.byName, { name: spelling });
    return await plug(host, net, claim);
  } catch (error) {
    if (!isProviderError(error, "not-found")) throw error;
    throw new ProviderError("invalid", `the host has no network "${spelling}"`, {
      where: { property },
      cause: error,
      hint: NETWORK_HINT,
    });
  }
}

export const NETWORK_HINT = "Declare a Network, or name one that `virsh net-list --all` shows.";
