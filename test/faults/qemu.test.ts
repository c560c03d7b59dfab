import { describe, test } from "vitest";
import { requirements } from "../hosts/requirements.js";
import { FAULTS } from "./faults.js";
import { part } from "./suite.js";

const missing = requirements();

if (missing !== undefined)
  describe("faults on QEMU", () => test.skip(`needs a libvirt host: ${missing}`, () => undefined));
else part("faults on QEMU", { driver: "qemu:///system", over: "socket", faults: FAULTS, sampled: { trials: 2 } });
