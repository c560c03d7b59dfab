import { Buffer } from "node:buffer";
import type { Problem } from "../../core/kind.js";

/** Most bytes of a file's name on the file systems of Linux, and what the name of an upload (`partOf`) has beside that of its volume. */
const [LONGEST, BESIDE] = [255, ".".length + ".01234567.part".length];

/** A name that is no file's name on the host. Characters are counted by the kind; here it is bytes in UTF-8. */
export function nameLimits(name: string | undefined): readonly Problem[] {
  const bytes = Buffer.byteLength(name ?? "");
  if (bytes <= LONGEST - BESIDE) return [];
  return [
    {
      path: "name",
      reason: `must not take more than ${LONGEST - BESIDE} bytes in UTF-8, not ${bytes}: choose a shorter one`,
    },
  ];
}
