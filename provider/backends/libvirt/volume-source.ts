import { showBytes } from "../../core/units.js";
import { type Image, imageProblem, inspectImage } from "../../media/image.js";
import type { Found } from "../../media/source.js";

/** What of a declaration a source must fit. */
export interface Expected {
  readonly format: "qcow2" | "raw";
  /** Bytes; absent is the size of the source. */
  readonly size?: number | undefined;
  /** It takes the room of its whole size at once, which only `raw` does here. */
  readonly thick?: boolean;
}

export interface Fault {
  readonly property: "source" | "size" | "format" | "provisioning";
  readonly fact: string;
  readonly hint: string;
}

/** `sourceFault` for what is known of a source before it is read. */
export function foundFault({ head, length }: Pick<Found, "head" | "length">, expected: Expected): Fault | undefined {
  if (head.length === 0)
    return {
      property: "source",
      fact: "the source is empty",
      hint: "Give an image; for an empty volume give only size.",
    };
  const fault = sourceFault(inspectImage(head), length, expected);
  if (fault !== undefined || !startsWith(head, LUKS)) return fault;
  return {
    property: "source",
    fact: "the image is encrypted as a whole (LUKS), and libvirt copies no such volume without its key",
    hint: "Decrypt it first, with `qemu-img convert`.",
  };
}

const LUKS = [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe];
const startsWith = (bytes: Uint8Array, magic: readonly number[]): boolean =>
  magic.every((byte, i) => bytes[i] === byte);

/** Why a source cannot become the declared volume; `undefined` when nothing speaks against it. `length` in bytes, where it is known. */
export function sourceFault(
  image: Image,
  length: number | undefined,
  { format, size, thick }: Expected,
): Fault | undefined {
  const problem = imageProblem(image);
  if (problem !== undefined) return { property: "source", ...problem };
  // The image of a CD is the bytes of a disk.
  const found = image.format === "iso" ? "raw" : image.format;
  if (thick && found === "qcow2")
    return {
      property: "provisioning",
      fact: 'must not be "thick" on this host: the source has the format qcow2',
      hint: "Leave it out, or convert the source first, with `qemu-img convert -O raw`.",
    };
  if (found !== format) {
    const fact = `the source has the format ${found}, not ${format}`;
    return found === "raw" || found === "qcow2"
      ? { property: "format", fact, hint: `Set format to "${found}".` }
      : { property: "source", fact, hint: `Convert it first, with \`qemu-img convert -O ${format}\`.` };
  }
  const own = format === "raw" ? length : image.virtualSize;
  if (size === undefined || own === undefined || own === size) return undefined;
  if (own < size) return format === "qcow2" ? growthFault(image, own) : undefined;
  return {
    property: "size",
    fact: `${showBytes(size)} is smaller than the source, which has ${showBytes(own)}`,
    hint: `Set size to at least ${showBytes(own)}.`,
  };
}

/** What is uploaded grows before it is published. QEMU grows no qcow2 of version 2 with internal snapshots. */
const growthFault = ({ version, snapshots = 0 }: Image, own: number): Fault | undefined =>
  version !== 2 || snapshots === 0
    ? undefined
    : {
        property: "size",
        fact: `the source is a qcow2 of version 2 with internal snapshots, which cannot become larger than its ${showBytes(own)}`,
        hint: "Convert it first, with `qemu-img convert -O qcow2`, or leave size out: its snapshots are not copied anyway.",
      };
