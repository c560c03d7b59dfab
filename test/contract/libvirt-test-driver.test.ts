import { describe, test } from "vitest";
import { requirements } from "../hosts/requirements.js";
import { contract } from "./contract.js";
import { libvirtFixture, quickly } from "./libvirt-fixture.js";

const missing = requirements();

if (missing !== undefined)
  describe("contract of libvirt's test driver", () => test.skip(`needs a libvirt host: ${missing}`, () => undefined));
else
  contract("libvirt's test driver", {
    open: () =>
      libvirtFixture({ driver: "test:///default", words: { VirtualMachine: { ...quickly, firmware: "bios" } } }),
    deviations: {},
  });
