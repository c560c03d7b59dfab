import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMachine } from "../../provider/backends/hyperv/requests/machine.js";
import type { KindName } from "../../provider/kinds/index.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { createOn, engineOn, type Lab, openLab, refusalOf, silent, type Words } from "./lab.js";

describe.skipIf(hypervMissing() !== undefined)(withHyperv("what was broken off on a Hyper-V host"), () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(() => lab?.close());

  const create = (kind: KindName, words: Words) => createOn(lab.host, kind, words);
  const machineFolders = () => readdirSync(lab.simulated.path("C:\\ProgramData\\Microsoft\\Windows\\Hyper-V"));

  test("a machine that was half-made when PowerShell died is made anew, and nothing of it is left", async () => {
    const disk = await create("Volume", { name: "d", size: "4MiB" });
    const words = { name: "web", memory: "64MiB", disks: [{ volume: disk.outputs["path"] }], powerState: "stopped" };
    for (const command of ["New-VM", "Add-VMHardDiskDrive"]) {
      await lab.simulated.faults([{ command, moment: "after", exit: true }]);
      expect(await refusalOf(create("VirtualMachine", words))).toMatchObject({ code: "dropped" });
    }
    await lab.simulated.faults([]);
    const made = await create("VirtualMachine", words);
    const { machines } = await lab.host.view();
    expect(machines.map(({ id }) => id)).toEqual([made.id]);
    expect(machines[0]?.disks).toHaveLength(1);
    expect(machineFolders()).toHaveLength(1);
  });

  test("a first-boot CD goes although the update that replaced it was broken off", async () => {
    const engine = engineOn(lab.host, "VirtualMachine");
    const words = (data: string) => ({
      owner: "p/s",
      name: "seeded",
      memory: "64MiB",
      powerState: "stopped",
      cloudInit: { userData: `#!/bin/sh\necho ${data}\n` },
    });
    const checked = (data: string) => engine.check(words(data)).inputs as never;
    const step = silent();
    const seeds = () => readdirSync(lab.simulated.path("C:\\ProgramData\\Microsoft\\Windows\\Hyper-V\\Seeds"));
    const made = await engine.create(checked("one"), step);
    const [first] = seeds();
    // The notes tell of the new CD, and the old one is not deleted yet.
    await lab.simulated.faults([{ command: "Set-VM", moment: "after", exit: true }]);
    await expect(engine.update(made.id, made.inputs, checked("two"), step)).rejects.toThrow();
    await lab.simulated.faults([]);
    expect(seeds()).toHaveLength(2);
    const now = await engine.observe(made.id, checked("two"));
    expect(now?.properties.cloudInit).toBeNull();
    const again = await engine.update(made.id, made.inputs, checked("two"), step);
    expect(seeds()).toEqual([expect.not.stringMatching(String(first))]);
    expect((await engine.observe(made.id, checked("two")))?.properties.cloudInit).toBeUndefined();
    await engine.remove(made.id, again.inputs, step);
    expect(seeds()).toEqual([]);
  });

  test("a machine without notes that somebody else made stays, and its name is refused", async () => {
    const parts = { disks: [], dvds: [], nics: [], tpm: false };
    const path = "C:\\ProgramData\\Microsoft\\Windows\\Hyper-V";
    await createMachine(lab.host.agent, {
      sole: { name: "theirs", nics: [] },
      name: "theirs",
      generation: 2,
      path,
      memory: { startup: 2 ** 26 },
      ...parts,
    });
    expect(await refusalOf(create("VirtualMachine", { name: "theirs", memory: "64MiB" }))).toMatchObject({
      fact: expect.stringContaining("belongs to somebody else"),
    });
  });
});
