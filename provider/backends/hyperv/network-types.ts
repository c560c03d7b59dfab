import type { Observed } from "../../core/driver.js";
import type { InputsOf } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";

export type Network = Kinds["Network"];
export type NetworkInputs = InputsOf<Network>;
export type NetworkObserved = Observed<Network>;
