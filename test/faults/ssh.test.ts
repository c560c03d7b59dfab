import { describe, test } from "vitest";
import { requirements } from "../hosts/requirements.js";
import { sshdMissing } from "../ssh/sshd.js";
import { SSH_FAULTS } from "./faults.js";
import { libvirtPart } from "./libvirt-part.js";

const missing = requirements() ?? sshdMissing;

if (missing !== undefined)
  describe("faults on the way over SSH", () => test.skip(`needs a libvirt host and sshd: ${missing}`, () => undefined));
else
  libvirtPart("faults on the way over SSH", {
    driver: "qemu:///system",
    over: "ssh",
    // The channel ends, or is silent, while the connection to the SSH server goes on.
    faults: [...SSH_FAULTS, "cut after", "silence"],
    // Calls and events over one channel; and an upload over another beside it.
    sampled: { trials: 3, titles: /^(VirtualMachine: update live|Volume: create and delete from a source)$/ },
  });
