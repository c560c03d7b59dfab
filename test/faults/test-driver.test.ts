import { describe, test } from "vitest";
import { requirements } from "../hosts/requirements.js";
import { FAULTS } from "./faults.js";
import { libvirtPart } from "./libvirt-part.js";

const missing = requirements();
/** What the test driver has is in the memory of its daemon: it does not survive it. */
const faults = FAULTS.filter((fault) => !fault.startsWith("daemon"));

if (missing !== undefined)
  describe("faults on the test driver", () => test.skip(`needs a libvirt host: ${missing}`, () => undefined));
else
  libvirtPart("faults on the test driver", {
    driver: "test:///default",
    over: "socket",
    faults,
    sampled: { trials: 2 },
  });
