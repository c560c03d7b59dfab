import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { libvirt } from "../../provider/backends/libvirt/index.js";
import { doctor } from "../doctor/lab.js";
import { modularMissing, startModular } from "../hosts/modular.js";
import { failure } from "../ssh/fixtures.js";
import { life } from "./life.js";

const missing = modularMissing();
const title = "a libvirt that is split into daemons";

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let lab: Awaited<ReturnType<typeof startModular>>;
  beforeAll(async () => {
    lab = await startModular();
  });
  afterAll(() => lab?.stop());

  it("carries a whole life by the daemon of QEMU, which leads to the others", () => life(lab, { uri: lab.uri }));

  it("is a host without problems, also by the daemon that stands in for libvirtd", async () => {
    for (const uri of [lab.uri, lab.uri.replace("virtqemud-sock", "libvirt-sock")]) {
      const { findings } = await doctor(uri);
      const bad = findings.filter(({ level }) => level === "problem" || level === "unknown");
      expect(bad, uri).toEqual([]);
    }
  });

  it("tells which daemon does not run, and takes nothing of it for absent", async () => {
    await lab.daemon("virtnetworkd", "stop");
    const found = await doctor(lab.uri, { options: ["--no-try"] });
    expect(found.finding("problem", "network", /virtnetworkd-sock/)).toMatchObject({
      commands: ["systemctl enable --now virtnetworkd.socket"],
    });
    const host = libvirt.host({ uri: lab.uri });
    try {
      const read = () => host.engine("Network").read("5f4e4a5c-6c6b-4a9d-8d38-5d0a3a3ab1c4", {});
      const error = await failure(read());
      expect(error).toMatchObject({ code: "unreachable", fact: expect.stringContaining("virtnetworkd-sock") });
      await lab.daemon("virtnetworkd", "start");
      expect(await read()).toBeUndefined();
    } finally {
      await host.close();
    }
  });
});
