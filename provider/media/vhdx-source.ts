import { showBytes } from "../core/units.js";
import { type Image, type ImageFormat, imageProblem } from "./image.js";
import { MiB } from "./vhdx-format.js";
import { LARGEST, LOGICAL_SECTOR } from "./vhdx-layout.js";

interface Problem {
  readonly fact: string;
  readonly hint: string;
}

/** The smallest disk that New-VHD makes, in bytes. */
export const SMALLEST = 3 * MiB;

/** The size that a disk gets where none is declared: whole MiB, as Azure wants them, and no less than New-VHD makes. */
export const grown = (source: number): number => Math.max(SMALLEST, Math.ceil(source / MiB) * MiB);

/**
 * Why a source cannot become a VHDX of that size, or `undefined` when nothing speaks against it: what can be known from
 * its first bytes, so also at preview.
 *
 * @param length bytes of the source, where they are known.
 * @param size declared bytes of the disk; absent is the size of the source.
 */
export function vhdxFault(
  image: Image,
  length: number | undefined,
  size: number | undefined,
): (Problem & { readonly property: "source" | "size" }) | undefined {
  const problem = length === 0 ? EMPTY : sourceProblem(image);
  if (problem !== undefined) return { property: "source", ...problem };
  const own = image.format === "raw" ? length : image.virtualSize;
  if (own !== undefined && own > LARGEST) return { property: "source", ...TOO_LARGE };
  if (size === undefined) return undefined;
  if (own !== undefined && own > size) {
    return {
      property: "size",
      fact: `${showBytes(size)} is smaller than the source, which has ${showBytes(own)}`,
      hint: `Set size to at least ${showBytes(own)}.`,
    };
  }
  if (size % LOGICAL_SECTOR === 0 && size >= SMALLEST && size <= LARGEST) return undefined;
  return {
    property: "size",
    fact: `a VHDX cannot have ${showBytes(size)}`,
    hint: "Use a multiple of 512 between 3 MiB and 64 TiB.",
  };
}

function sourceProblem(image: Image): Problem | undefined {
  if (image.format === "vhdx" && image.type === "differencing") return DIFFERENCE;
  if (image.format === "vhdx" && image.dirty) return LOG;
  return FOREIGN[image.format] ?? imageProblem(image);
}

const EMPTY: Problem = { fact: "the source is empty", hint: "Give an image; for an empty disk give only size." };
const TOO_LARGE: Problem = {
  fact: "the source is larger than a VHDX can be, which is 64 TiB",
  hint: "Split it into several disks.",
};
const DIFFERENCE: Problem = {
  fact: "the VHDX is only the difference to another file that it names",
  hint: "Merge it on its host first, with `Merge-VHD`, or delete the checkpoint that it belongs to.",
};
const LOG: Problem = {
  fact: "the VHDX was not closed properly: its log has to be replayed",
  hint: "Shut its machine down, or let its host replay the log with Mount-VHD and Dismount-VHD, and copy it again.",
};

/** What cannot be read here. */
const FOREIGN: Readonly<Partial<Record<ImageFormat, Problem>>> = {
  vhd: {
    fact: "the image is a VHD, the format before VHDX",
    hint: "Convert it first, with `Convert-VHD` on Windows or `qemu-img convert -f vpc -O vhdx`.",
  },
  vmdk: { fact: "the image is a VMDK", hint: "Convert it first, with `qemu-img convert -O vhdx`." },
  vdi: { fact: "the image is a VDI", hint: "Convert it first, with `qemu-img convert -O vhdx`." },
  qcow: { fact: "the image is a qcow of version 1", hint: "Convert it first, with `qemu-img convert -O qcow2`." },
  iso: {
    fact: "the image is that of a CD (ISO 9660), not of a disk",
    hint: "Give it to a CD drive, or give a disk image.",
  },
};
