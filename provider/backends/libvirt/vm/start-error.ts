import { ProviderError } from "../../../core/errors.js";
import type { Resolved } from "./types.js";

type Culprit = Pick<Resolved, "inputs" | "disks" | "seed">;

interface Known {
  readonly text: RegExp;
  readonly property: string;
  readonly hint: string;
}

/** Texts of libvirt 9.0.0: it has no numbers for these. */
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
];

const FILE = "The file must be there before the machine starts, and QEMU's user must be able to use it.";

/** Runs a start; its failure names the property that libvirt's text points at, and a remedy. */
export async function explainingStart<T>(machine: Culprit, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    throw explained(error, machine);
  }
}

function explained(error: unknown, machine: Culprit): unknown {
  if (!(error instanceof ProviderError) || error.where.property !== undefined) return error;
  const { code, fact, where, cause } = error;
  const file = fileProperty(fact, machine);
  const known = KNOWN.find(({ text }) => text.test(fact));
  const property = file ?? known?.property;
  if (property === undefined) return error;
  const hint = error.hint ?? (file === undefined ? known?.hint : FILE);
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
