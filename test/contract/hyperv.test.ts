import { describe, test } from "vitest";
import { hypervMissing } from "../hosts/hyperv/engine.js";
import { contract } from "./contract.js";
import { hypervFixture } from "./hyperv-fixture.js";

const missing = hypervMissing();

const IDS = "Hyper-V gives ids itself, another one to everything that is made";
const FOLDERS = "a folder is always there; refused by name at preview";
const SWITCHES = "a switch is always there and always on; refused by name at preview";
const NO_NAMES = "the host serves no names to its networks; refused by name at preview";
const WALK = "its walk is that of autostart, which folders have not";

const deviations: Readonly<Record<string, string>> = {
  "StoragePool > goes on with what an earlier attempt of the same owner made": WALK,
  "StoragePool > adopts by name, without a change": WALK,
  "StoragePool > adopts by id, without a change": WALK,
  "StoragePool > changes autostart in place": FOLDERS,
  "StoragePool > changes active in place": FOLDERS,
  "Network > can be made again, with the same id": IDS,
  "Network > changes autostart in place": SWITCHES,
  "Network > changes active in place": SWITCHES,
  "Network > changes mode in place": "Hyper-V does not route without NAT; test/hyperv changes the modes that it has",
  "Network > changes mtu in place": "guests set it themselves; refused by name at preview",
  "Network > changes bridge in place":
    "a switch of the other modes has no name for a bridge; refused by name at preview",
  "Network > changes dhcp (hosts) in place":
    "fixed addresses lie in the range; refused by name at preview; test/hyperv/dhcp.test.ts changes such",
  "Network > changes dns (hosts) in place": NO_NAMES,
  "Network > changes dns (domain) in place": NO_NAMES,
  "VirtualMachine > can be made again, with the same id": IDS,
  "VirtualMachine > changes maxCpus in place":
    "processors are set while the machine is off; refused by name at preview",
  "VirtualMachine > changes firmware in place": "the generation of a machine is set when it is made: a replacement",
  "VirtualMachine > changes acceleration in place": "Hyper-V emulates no processors; refused by name at preview",
  "VirtualMachine > changes disks (bus) in place": "generation 2 has SCSI only; refused by name at preview",
  "VirtualMachine > changes disks (read only) in place": "guests write to every disk; refused by name at preview",
  "VirtualMachine > changes networks (model) in place": "generation 2 has one device only; refused by name at preview",
  "VirtualMachine > grows live up to its limits and no further":
    "memory has no limits, and processors change while the machine is off",
};

if (missing !== undefined)
  describe("contract of Hyper-V", () => test.skip(`needs a simulated host: ${missing}`, () => undefined));
else contract("Hyper-V", { open: hypervFixture, deviations });
