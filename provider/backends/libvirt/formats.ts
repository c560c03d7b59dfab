import { ProviderError } from "../../core/errors.js";
import type { InputsOf, Problem } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";
import type { OpenPool } from "./pool-lookup.js";
import { ofBlocks } from "./volume-block.js";

/** Formats that disks have here. */
export type Format = "qcow2" | "raw";

type Declared = InputsOf<Kinds["Volume"]>["format"];

const reason = (format: string): string =>
  `must be "qcow2" or "raw" on this host, not "${format}": leave it out for the host's own format`;

/** The declared format in this backend's type. @throws `unsupported` for a format of other hosts. */
export function ownFormat(format: NonNullable<Declared>): Format {
  if (format === "vhdx") throw new ProviderError("unsupported", reason(format), { where: { property: "format" } });
  return format;
}

/** The format of a volume of a pool: what is declared, else `raw` of block devices and `qcow2` of files. */
export const formatIn = (pool: Pick<OpenPool, "type"> | undefined, format: Declared): Format =>
  format === undefined ? (pool !== undefined && ofBlocks(pool) ? "raw" : "qcow2") : ownFormat(format);

/** A format that no disk has here, at its place in a declaration. */
export const formatLimits = (path: string, format: Declared): readonly Problem[] =>
  format === "vhdx" ? [{ path, reason: reason(format) }] : [];
