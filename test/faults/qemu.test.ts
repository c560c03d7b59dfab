import { describe, test } from "vitest";
import { requirements } from "../hosts/requirements.js";
import { FAULTS } from "./faults.js";
import { libvirtPart } from "./libvirt-part.js";

const missing = requirements();

if (missing !== undefined)
  describe("faults on QEMU", () => test.skip(`needs a libvirt host: ${missing}`, () => undefined));
else
  libvirtPart("faults on QEMU", { driver: "qemu:///system", over: "socket", faults: FAULTS, sampled: { trials: 2 } });
