import type { Fields } from "../../provider/core/values.js";
import { fill, intact } from "./patterns.js";
import type { Declared } from "./pulumi.js";
import type { Scenario } from "./trial.js";

const declare =
  (kind: Declared["kind"]) =>
  (name: string, words: Fields | Declared["words"] = {}): Declared => ({
    kind,
    name,
    words: typeof words === "function" ? words : () => words,
  });
export const pool = declare("StoragePool");
export const network = declare("Network");
export const volume = declare("Volume");
export const machine = declare("VirtualMachine");

/** For scenarios with volumes: what they hold has to be there afterwards. */
export const keeping = { fill, intact } satisfies Partial<Scenario>;

/** Makes scenarios of one kind over the same base. */
export const scenariosOn =
  (kind: string, base: readonly Declared[], more: Partial<Scenario> = {}) =>
  (title: string, from: readonly Declared[], to: readonly Declared[], op: Scenario["op"] = "up"): Scenario => ({
    title: `${kind}: ${title}`,
    base,
    from,
    to,
    op,
    ...more,
  });
