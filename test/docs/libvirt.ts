import { WAYS } from "../../provider/backends/libvirt/ways.js";
import { ACCESS } from "../../provider/core/settings.js";
import { tables } from "../matrix/tables.js";
import { effects } from "./effects.js";
import type { Parts } from "./parts.js";
import { rights } from "./rights.js";

const ways = (): string =>
  [
    "| URI | reaches | needs |",
    "|---|---|---|",
    ...WAYS.map((w) => `| \`${w.uri}\` | ${w.reaches} | ${w.needs} |`),
  ].join("\n");

const access = (): string => ["uri", ...ACCESS].map((name) => `\`crossvisor:${name}\``).join(", ");

/** Of docs/libvirt.md. */
export const libvirtParts: Parts = { ways, access, rights, effects: () => effects(tables) };
