import { describe, test } from "vitest";
import { requirements } from "../hosts/requirements.js";
import { contract } from "./contract.js";
import { libvirtFixture, quickly } from "./libvirt-fixture.js";

const missing = requirements();

if (missing !== undefined)
  describe("contract of QEMU under libvirt", () => test.skip(`needs a libvirt host: ${missing}`, () => undefined));
else
  contract("QEMU under libvirt", {
    open: () =>
      libvirtFixture({ driver: "qemu:///system", words: { VirtualMachine: { ...quickly, firmware: "bios" } } }),
    deviations: {},
  });
