import { ProviderError } from "../../../core/errors.js";
import { type Confinement, confinementOf } from "../confinement.js";
import type { LibvirtHost } from "../host.js";
import { BROKEN_KVM_HINT } from "./begin.js";
import type { Resolved } from "./types.js";

type Culprit = Pick<Resolved, "inputs" | "disks" | "seed">;

interface Known {
  readonly text: RegExp;
  readonly property: string;
  readonly hint: string;
}

/** Texts of libvirt 9.0.0 and QEMU 7.2: they have no numbers for these. */
const KNOWN: readonly Known[] = [
  {
    text: /network '.*' is not active/,
    property: "networks",
    hint: "Start the network (virsh net-start; net-autostart keeps it), or declare it as a Network.",
  },
  {
    text: /interface MTU on|add bridge .* port|get index for interface/,
    property: "networks",
    hint: "Make the bridge on the host first, or name one that it has.",
  },
  {
    text: /find any firmware/,
    property: "firmware",
    hint: 'Install the host\'s package of UEFI firmware for guests (ovmf or edk2-ovmf), or set firmware to "bios".',
  },
  {
    text: /swtpm|TPM/,
    property: "tpm",
    hint: "Install swtpm and swtpm-tools on the host, and look at its logs of swtpm.",
  },
  {
    text: /cannot set up guest memory|cannot allocate memory/i,
    property: "memory",
    hint: "Stop other machines, or declare less memory (maxMemory counts as well).",
  },
  {
    text: /KVM[^;]*: Permission denied/i,
    property: "acceleration",
    hint: 'Let QEMU\'s user use /dev/kvm on the host (chgrp kvm /dev/kvm && chmod 660 /dev/kvm) and restart libvirt, or set acceleration to "none".',
  },
  { text: /\bkvm\b|failed to set MSR/i, property: "acceleration", hint: BROKEN_KVM_HINT },
];

const FILE = "The file must be there before the machine starts, and QEMU's user must be able to use it.";

/** Runs a start; its failure names the property that libvirt's text points at, and a remedy. */
export async function explainingStart<T>(
  host: Pick<LibvirtHost, "session">,
  machine: Culprit,
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw await explained(error, machine, host);
  }
}

async function explained(error: unknown, machine: Culprit, host: Pick<LibvirtHost, "session">): Promise<unknown> {
  if (!(error instanceof ProviderError) || error.where.property !== undefined) return error;
  const { code, fact, where, cause } = error;
  const file = fileProperty(fact, machine);
  const known = file === undefined ? KNOWN.find(({ text }) => text.test(fact)) : undefined;
  const property = file ?? known?.property;
  if (property === undefined) return error;
  const denied = file === undefined || !/permission denied/i.test(fact) ? undefined : await deniedHint(fact, host);
  const hint = denied ?? known?.hint ?? error.hint ?? FILE;
  return new ProviderError(code, fact, { where: { ...where, property }, hint, cause });
}

/** The property whose file a text names. */
function fileProperty(text: string, { inputs, disks, seed }: Culprit): string | undefined {
  const names = (path: string | undefined) => path !== undefined && path !== "" && text.includes(`'${path}'`);
  const at = disks.findIndex((d) => names(d.path));
  const disk = inputs.disks.find((d) => d.name === disks[at]?.name);
  if (disk !== undefined) return `disks[${at}].${disk.volume === undefined ? "path" : "volume"}`;
  if (names(inputs.cdrom)) return "cdrom";
  return names(seed?.path) ? "cloudInit" : undefined;
}

/** Who keeps QEMU from a file, as far as the text and the host tell. */
async function deniedHint(text: string, host: Pick<LibvirtHost, "session">): Promise<string> {
  const path = /'(\/[^']+)'/.exec(text)?.[1] ?? "PATH";
  // libvirt looks whether QEMU's user can reach the file, and not whether it may read it (virFileAccessibleAs, F_OK).
  const user = /as uid:(\d+)/.exec(text)?.[1];
  if (user !== undefined)
    return `QEMU's user (uid ${user}) does not get there: let everybody pass through each folder above the file (chmod o+x FOLDER on the host; namei -l ${path} shows them).`;
  return byDriver(path, await confinementOf(host).catch(() => undefined));
}

/** QEMU itself was refused: libvirt looks at the way to a file only where it reads the file's header. */
function byDriver(path: string, confinement: Confinement | undefined): string {
  const own = `is denied to QEMU's user by a folder above it (chmod o+x lets everybody pass) or, where dynamic_ownership is off in qemu.conf, by its own permissions: namei -l ${path} shows them on the host`;
  if (confinement?.driver === "apparmor")
    return `The file ${own}. Where they let it, AppArmor denies it: look for apparmor="DENIED" in the host's kernel log (journalctl -k -g DENIED). libvirt allows what the machine names, and of base images only those whose format the overlay's header names.`;
  if (confinement?.driver === "selinux")
    return `The file ${own}. Where they let it, SELinux denies it: ausearch -m avc -ts recent shows it; files need the type virt_image_t, and NFS the switch virt_use_nfs.`;
  return `The file ${own}.`;
}
