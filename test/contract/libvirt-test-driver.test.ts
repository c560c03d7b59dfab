import { describe, test } from "vitest";
import { requirements } from "../hosts/requirements.js";
import { contract } from "./contract.js";
import { lacking, libvirtFixture, quickly } from "./libvirt-fixture.js";

const missing = requirements();

const DEVICES = "the test driver cannot attach, detach or change devices; the QEMU driver's contract does it";
const RESIZE = "the test driver cannot resize volumes; the QEMU driver's contract does it";
const MARKS = "the test driver keeps no secrets, which mark volumes as ours, so one that exists is refused";

const deviations: Readonly<Record<string, string>> = {
  ...lacking,
  "StoragePool > keeps its volumes when it leaves the list":
    "the test driver has no files: a pool's volumes go with it",
  "Volume > makes one when it is created twice": MARKS,
  "Volume > goes on with what an earlier attempt of the same owner made": MARKS,
  "Volume > adopts by name, without a change": RESIZE,
  "Volume > adopts by id, without a change": RESIZE,
  "Volume > changes size in place": RESIZE,
  "Volume > grows while a machine has it": RESIZE,
  "VirtualMachine > changes disks (attached and detached) in place": DEVICES,
  "VirtualMachine > changes disks (order) in place": DEVICES,
  "VirtualMachine > changes disks (renamed) in place": DEVICES,
  "VirtualMachine > changes cdrom in place": DEVICES,
  "VirtualMachine > changes networks (attached and detached) in place": DEVICES,
  "VirtualMachine > changes networks (another network) in place": DEVICES,
  "VirtualMachine > changes networks (cable) in place": DEVICES,
  "VirtualMachine > changes networks (model) in place": DEVICES,
  "VirtualMachine > changes networks (mac) in place": DEVICES,
  "VirtualMachine > changes cloudInit in place": DEVICES,
};

if (missing !== undefined)
  describe("contract of libvirt's test driver", () => test.skip(`needs a libvirt host: ${missing}`, () => undefined));
else
  contract("libvirt's test driver", {
    open: () =>
      libvirtFixture({ driver: "test:///default", words: { VirtualMachine: { ...quickly, firmware: "bios" } } }),
    deviations,
  });
