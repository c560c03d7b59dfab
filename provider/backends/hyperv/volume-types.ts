import type { Observed } from "../../core/driver.js";
import type { InputsOf } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";

export type Volume = Kinds["Volume"];
export type VolumeInputs = InputsOf<Volume>;
export type VolumeObserved = Observed<Volume>;
