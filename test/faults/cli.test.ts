import { describe, test } from "vitest";
import { missing } from "../scale/lab.js";
import { CLI_TITLES, openCliPlace } from "./cli-trial.js";
import { CLI_FAULTS } from "./faults.js";
import { part } from "./suite.js";

/** How many of the scenarios a sampled run tries, each with one fault. */
const SAMPLED = { "test:///default": 2, "qemu:///system": 1 } as const;

const name = "the real Pulumi CLI and its provider, killed and interrupted";

if (missing !== undefined)
  describe(name, () => test.skip(`needs a libvirt host and Pulumi: ${missing}`, () => undefined));
else
  for (const driver of ["test:///default", "qemu:///system"] as const)
    part(`${name} on ${driver}`, {
      titles: CLI_TITLES,
      faults: CLI_FAULTS,
      sampled: { trials: 1, titles: SAMPLED[driver] },
      open: () => openCliPlace(driver),
    });
