import { hypervTables } from "../matrix/hyperv-tables.js";
import { effects } from "./effects.js";
import { evidence } from "./evidence.js";
import type { Parts } from "./parts.js";

/** Of docs/hyperv.md. */
export const hypervParts: Parts = { evidence, effects: () => effects(hypervTables) };
