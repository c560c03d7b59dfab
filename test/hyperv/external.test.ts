import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { createOn, engineOn, type Lab, openLab, silent } from "./lab.js";

describe.skipIf(hypervMissing() !== undefined)(withHyperv("a switch over the host's own adapter"), () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab({ cutOnExternal: true, adapters: ["Ethernet", "Ethernet 2"] });
  });
  afterAll(() => lab?.close());

  test("is made, changed and deleted in one step each, although the connections break off", async () => {
    const said: string[] = [];
    const step = { report: (line: string) => void said.push(line), signal: new AbortController().signal };
    const engine = engineOn(lab.host, "Network");
    const words = { owner: "p/s", name: "lan", mode: "bridged", bridge: "Ethernet", allowInterruption: true };
    const checked = (more: object = {}) => engine.check({ ...words, ...more }).inputs as never;
    const made = await engine.create(checked(), step);
    expect(said).toEqual([expect.stringContaining("connections broke off, as was to be expected")]);
    const { switches } = await hostInventory(lab.connect().agent);
    expect(switches).toEqual([expect.objectContaining({ id: made.id, name: "lan", type: "External" })]);
    const edited = await engine.update(made.id, made.inputs, checked({ description: "edited" }), step);
    expect((await engine.observe(made.id, edited.inputs))?.properties).toMatchObject({
      mode: "bridged",
      bridge: "Ethernet",
      description: "edited",
    });
    await engine.remove(made.id, edited.inputs, step);
    expect((await hostInventory(lab.connect().agent)).switches).toEqual([]);
  });

  test("is deleted although the connections break off before that has begun", async () => {
    const engine = engineOn(lab.host, "Network");
    const words = { name: "wan", mode: "bridged", bridge: "Ethernet 2", allowInterruption: true };
    const made = await createOn(lab.host, "Network", words);
    await lab.simulated.faults([{ command: "Set-VMSwitch", moment: "after", exit: true }]);
    await engine.remove(made.id, made.inputs, silent());
    await lab.simulated.faults([]);
    expect((await hostInventory(lab.connect().agent)).switches).toEqual([]);
  });
});
