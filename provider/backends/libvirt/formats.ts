import { ProviderError } from "../../core/errors.js";
import type { InputsOf, Problem } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";
import type { OpenPool } from "./pool-lookup.js";
import { ofBlocks } from "./volume-block.js";

/** Formats that disks have here. */
export type Format = "qcow2" | "raw";

type Volume = Partial<InputsOf<Kinds["Volume"]>>;
type Declared = Volume["format"];

const reason = (format: string): string =>
  `must be "qcow2" or "raw" on this host, not "${format}": leave it out for the host's own format`;

/** The declared format in this backend's type. @throws `unsupported` for a format of other hosts. */
export function ownFormat(format: NonNullable<Declared>): Format {
  if (format === "vhdx") throw new ProviderError("unsupported", reason(format), { where: { property: "format" } });
  return format;
}

/** The format of a volume of a pool: what is declared, else `raw` of what takes all its room at once, and `qcow2`. */
export const formatIn = (
  pool: Pick<OpenPool, "type"> | undefined,
  { format, provisioning }: Pick<Volume, "format" | "provisioning">,
): Format => {
  if (format !== undefined) return ownFormat(format);
  return provisioning === "thick" || (pool !== undefined && ofBlocks(pool)) ? "raw" : "qcow2";
};

/** libvirt fills no qcow2: of one that is told to it allocates the tables (measured, 9.0.0). */
export const thickLimits = ({ format, provisioning }: Volume): readonly Problem[] =>
  provisioning === "thick" && format === "qcow2"
    ? [
        {
          path: "provisioning",
          reason: 'must not be "thick" with format "qcow2" on this host: set format to "raw", or leave one of them out',
        },
      ]
    : [];

/** A format that no disk has here, at its place in a declaration. */
export const formatLimits = (path: string, format: Declared): readonly Problem[] =>
  format === "vhdx" ? [{ path, reason: reason(format) }] : [];
