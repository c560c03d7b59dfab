import { dirname } from "node:path";
import { isProviderError } from "../../../core/errors.js";
import type { Problem } from "../../../core/kind.js";
import { showBytes } from "../../../core/units.js";
import { cidrText, hasGuest } from "../../../kinds/address.js";
import { firstBootProblems } from "../../../media/first-boot.js";
import { closedFolder } from "../confinement.js";
import type { Offer } from "../facts.js";
import type { LibvirtHost } from "../host.js";
import { uuidOf } from "../identity.js";
import { addressesOf } from "../network-ip.js";
import { addressingOfXml } from "../network-mark.js";
import { definitionFlags } from "../network-ref.js";
import { SAME_UUID_HINT, sameUuid } from "../refusal.js";
import { volumes } from "../rpc/procedures/storage.js";
import { parseXml } from "../xml.js";
import { claimProblems } from "./claims.js";
import { fitProblems } from "./fit.js";
import { observe } from "./observe.js";
import { KVM_HINT, NETWORK_HINT, NO_KVM, VOLUME_HINT } from "./resolve.js";
import { savedProblems } from "./saved.js";
import { replacementProblems } from "./snapshots.js";
import type { MachineInputs, MachineObserved } from "./types.js";

type Wanted = Partial<MachineInputs>;

/** What the host knows to be wrong with a machine, before anything is touched. */
export async function examine(
  host: LibvirtHost,
  wanted: Wanted,
  known: MachineObserved | undefined,
  declared?: Wanted,
): Promise<readonly Problem[]> {
  const now = known ?? (await adopted(host, wanted));
  const checks = [
    replacementProblems(host, wanted, known, declared),
    savedProblems(host, wanted, known),
    nameProblems(host, wanted, now),
    networkProblems(host, wanted, now),
    claimProblems(host, wanted, now),
    diskProblems(host, wanted, now),
    host.uri.hypervisor === "test" ? [] : fitProblems(host, wanted, now),
    host.uri.hypervisor === "test" ? [] : offerProblems(host, wanted),
  ];
  return [
    ...(await Promise.all(checks)).flat(),
    ...firstBootProblems(wanted.cloudInit ?? {}),
    ...busProblems(host, wanted),
  ];
}

/** What is to be adopted is no obstacle to itself: its own MACs, addresses and disks are as good as those of what is ours. */
async function adopted(host: LibvirtHost, { adopt, name }: Wanted): Promise<MachineObserved | undefined> {
  if (adopt === undefined) return undefined;
  const all = [...(await host.inventory.domains()).values()];
  const found = all.find(({ ref }) => ref.name === adopt) ?? all.find(({ ref }) => ref.uuid === adopt.toLowerCase());
  return found !== undefined && (name === undefined || found.ref.name === name)
    ? observe(host, found.ref.uuid)
    : undefined;
}

async function nameProblems(
  host: LibvirtHost,
  { name, owner, adopt }: Wanted,
  now: MachineObserved | undefined,
): Promise<Problem[]> {
  if (now !== undefined || name === undefined) return [];
  const all = [...(await host.inventory.domains()).values()].map((d) => d.ref);
  if (adopt !== undefined) {
    const there = all.find((d) => d.name === adopt) ?? all.find((d) => d.uuid === adopt.toLowerCase());
    if (there === undefined) return [{ path: "adopt", reason: `"${adopt}" is no virtual machine of the host` }];
    return there.name === name
      ? []
      : [{ path: "name", reason: `must be "${there.name}", the name of what is adopted` }];
  }
  const ours = uuidOf("VirtualMachine", owner ?? "", name);
  const double = all.find((d) => d.uuid === ours && d.name !== name);
  if (double !== undefined) return [{ path: "name", reason: `${sameUuid(double.name)}: ${SAME_UUID_HINT}` }];
  const foreign = all.some((d) => d.name === name && d.uuid !== ours);
  return foreign
    ? [
        {
          path: "name",
          reason: `"${name}" is a virtual machine of somebody else on the host: choose another name, or take it over with adopt`,
        },
      ]
    : [];
}

async function networkProblems(
  host: LibvirtHost,
  { networks }: Wanted,
  now: MachineObserved | undefined,
): Promise<Problem[]> {
  const named = networks?.some((n) => n.network !== undefined) ?? false;
  if (!named) return [];
  const known = [...(await host.inventory.networks()).values()];
  const problems: Problem[] = [];
  for (const [i, nic] of (networks ?? []).entries()) {
    if (nic.network === undefined) continue;
    const entry = known.find(({ ref }) => ref.name === nic.network || ref.uuid === nic.network);
    if (entry === undefined)
      problems.push({
        path: `networks[${i}].network`,
        reason: `"${nic.network}" is no network of the host. ${NETWORK_HINT}`,
      });
    else if (nic.address !== undefined && !holdsAddress(now, nic.name, nic.address)) {
      const reason = addressProblem(
        await host.inventory.networkXml(entry.ref, definitionFlags(host)),
        nic.address,
        nic.mac,
      );
      if (reason !== undefined) problems.push({ path: `networks[${i}].address`, reason });
    }
  }
  return problems;
}

/** Why a network cannot give this address to this interface. */
function addressProblem(xml: string, address: string, mac: string | undefined): string | undefined {
  const network = parseXml(xml, "the network");
  const { cidr, hostAddress, entries } = addressesOf(network);
  if (cidr === undefined || addressingOfXml(network) !== "managed")
    return 'cannot be chosen: the network does not manage addresses. Leave it out, or give the Network "managed" addressing';
  if (!hasGuest(cidr, address) || address === hostAddress)
    return `must be an address for guests of ${cidrText(cidr)}, not "${address}"`;
  const other = entries.find((e) => e.address === address && e.mac !== mac);
  return other === undefined
    ? undefined
    : `"${address}" belongs to ${other.name ?? other.mac} already: choose another, or leave it out`;
}

const holdsAddress = (now: MachineObserved | undefined, nic: string, address: string): boolean =>
  now?.outputs.addresses[nic]?.includes(address) ?? false;

/** A volume that the machine does not have yet must be one of a pool. */
async function diskProblems(host: LibvirtHost, { disks }: Wanted, now: MachineObserved | undefined) {
  const known = new Set(now?.properties.disks?.map((d) => d.volume ?? d.path));
  const problem = async (disk: NonNullable<typeof disks>[number], i: number): Promise<Problem[]> => {
    const path = disk.volume ?? disk.path;
    if (path === undefined || known.has(path)) return [];
    const at = `disks[${i}].${disk.volume === undefined ? "path" : "volume"}`;
    if (disk.volume !== undefined && !(await isVolume(host, path)))
      return [{ path: at, reason: `"${path}" is in no storage pool of the host. ${VOLUME_HINT}` }];
    const mode = host.uri.hypervisor === "test" ? undefined : await closedFolder(host, path);
    return mode === undefined ? [] : [{ path: at, reason: closedReason(path, mode) }];
  };
  return (await Promise.all((disks ?? []).map(problem))).flat();
}

const closedReason = (path: string, mode: string): string =>
  `"${path}" cannot be used by a machine: its folder has mode ${mode} and keeps QEMU's user out. Let everybody pass through it on the host: chmod o+x ${dirname(path)}`;

async function isVolume(host: LibvirtHost, path: string): Promise<boolean> {
  try {
    await host.session.call(volumes.byPath, { path });
    return true;
  } catch (error) {
    if (isProviderError(error, "not-found")) return false;
    throw error;
  }
}

async function offerProblems(host: LibvirtHost, wanted: Wanted): Promise<Problem[]> {
  const { arch, kvm, tcg, memory } = await host.facts();
  if (arch !== "x86_64")
    return [
      { path: "acceleration", reason: `cannot be honoured: the host is ${arch}, and machines are made for x86_64` },
    ];
  const problems: Problem[] = [];
  const most = Math.max(wanted.memory ?? 0, wanted.maxMemory ?? 0);
  if (most > memory)
    problems.push({
      path: (wanted.memory ?? 0) > memory ? "memory" : "maxMemory",
      reason: `must be at most what the host has, ${showBytes(memory)}, not ${showBytes(most)}`,
    });
  const offer = wanted.acceleration === "none" ? tcg : (kvm ?? tcg);
  if (wanted.acceleration === "required" && kvm === undefined)
    problems.push({ path: "acceleration", reason: `cannot be "required": ${NO_KVM}. ${KVM_HINT}` });
  else if (offer === undefined)
    problems.push({
      path: "acceleration",
      reason: "cannot be honoured: the host has no emulator for it. Install QEMU there",
    });
  else problems.push(...offeredProblems(offer, wanted));
  return problems;
}

function offeredProblems(offer: Offer, { cpus = 1, maxCpus = 1, firmware, secureBoot, tpm }: Wanted): Problem[] {
  const problems: Problem[] = [];
  if (Math.max(cpus, maxCpus) > offer.maxCpus)
    problems.push({
      path: cpus > offer.maxCpus ? "cpus" : "maxCpus",
      reason: `must be at most ${offer.maxCpus} on this host`,
    });
  if (firmware === "uefi" && !offer.firmware.includes("efi"))
    problems.push({
      path: "firmware",
      reason:
        'cannot be "uefi": the host has no UEFI firmware for guests. Install its package (ovmf or edk2-ovmf) there, or use "bios"',
    });
  else if (secureBoot === true && !offer.secureBoot)
    problems.push({
      path: "secureBoot",
      reason:
        "cannot be true: the host's UEFI firmware has no Secure Boot variant. Install a newer ovmf or edk2-ovmf there",
    });
  if (tpm === true && !offer.tpm)
    problems.push({
      path: "tpm",
      reason: "cannot be true: the host has no TPM emulator. Install swtpm and swtpm-tools there and restart libvirt",
    });
  return problems;
}

/** QEMU's disks on SATA can always be written to, and libvirt refuses what says something else. */
function busProblems(host: LibvirtHost, { disks = [] }: Wanted): Problem[] {
  const wrong =
    host.uri.hypervisor === "test" ? [] : disks.flatMap((d, i) => (d.readOnly && d.bus === "sata" ? [i] : []));
  return wrong.map((i) => ({
    path: `disks[${i}].readOnly`,
    reason: 'cannot be true on the bus "sata": use "virtio" or "scsi"',
  }));
}
