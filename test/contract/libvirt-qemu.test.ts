import { describe, test } from "vitest";
import { requirements } from "../hosts/requirements.js";
import { contract } from "./contract.js";
import { lacking, libvirtFixture, quickly } from "./libvirt-fixture.js";

const missing = requirements();

const UNPLUG = "no guest system runs here that could release a device; test/e2e does it with a real one";

const deviations: Readonly<Record<string, string>> = {
  ...lacking,
  "VirtualMachine > changes disks (attached and detached) in place": UNPLUG,
  "VirtualMachine > changes networks (attached and detached) in place": UNPLUG,
  "VirtualMachine > changes networks (model) in place": UNPLUG,
  "VirtualMachine > changes networks (mac) in place": UNPLUG,
};

if (missing !== undefined)
  describe("contract of QEMU under libvirt", () => test.skip(`needs a libvirt host: ${missing}`, () => undefined));
else
  contract("QEMU under libvirt", {
    open: () =>
      libvirtFixture({ driver: "qemu:///system", words: { VirtualMachine: { ...quickly, firmware: "bios" } } }),
    deviations,
  });
