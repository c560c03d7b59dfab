import { join } from "node:path";
import { describe, test } from "vitest";
import { hypervMissing } from "../hosts/hyperv/host.js";
import { COMMAND_FAULTS, REQUEST_FAULTS } from "./faults.js";
import { openHypervLab } from "./hyperv-lab.js";
import { hypervScenarios } from "./hyperv-scenarios.js";
import { makeImages } from "./patterns.js";
import { part } from "./suite.js";
import { placeOf } from "./trial.js";

const missing = hypervMissing();

if (missing !== undefined)
  describe("faults on Hyper-V", () => test.skip(`needs a simulated host: ${missing}`, () => undefined));
else
  part("faults on Hyper-V", {
    titles: hypervScenarios({ qcow2: "", raw: "" }).map(({ title }) => title),
    faults: [...REQUEST_FAULTS, ...COMMAND_FAULTS],
    // Only those that were tried at length belong into every run; `tools/faults` tries all.
    sampled: { trials: 2, titles: /^(StoragePool|Volume): create and delete$/ },
    open: async () => {
      const lab = await openHypervLab();
      const images = await makeImages(join(lab.simulated.root, "images"), ["0 64k", "3M 64k"]);
      return placeOf(lab, hypervScenarios(images));
    },
  });
