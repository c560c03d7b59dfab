import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { hasProgram } from "../hosts/requirements.js";
import { type Sshd, sshdMissing, startSshd, withSshd } from "../ssh/sshd.js";
import { life } from "./life.js";

const leads = ["nc", "socat", "perl"].some(hasProgram) ? undefined : "needs nc, socat or perl";
const missing = requirements() ?? sshdMissing ?? leads;

describe.skipIf(missing !== undefined)(withSshd("a libvirtd behind the machine's own ssh", missing), () => {
  let lab: LibvirtHost;
  let sshd: Sshd;
  beforeAll(async () => {
    lab = await startLibvirtd();
    sshd = await startSshd();
  });
  afterAll(async () => {
    await sshd?.stop();
    await lab?.stop();
  });

  it("carries a whole life, an upload in it", () =>
    life(lab, {
      uri: `qemu+ssh://${sshd.user}@127.0.0.1:${sshd.port}/system?socket=${lab.socket}`,
      privateKey: readFileSync(sshd.clientKeyPath, "utf8"),
      knownHosts: sshd.hostKeyLine,
      sshConfig: "none",
      sshClient: "openssh",
    }));
});
