import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { getMachine } from "../../provider/backends/hyperv/requests/machine.js";
import { project } from "../../provider/core/compare.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import { waitFor } from "../hosts/host-folder.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { lines } from "../hosts/hyperv/session.js";
import { checkedOn, createOn, engineOn, type Lab, type Made, openLab, refusalOf, silent, type Words } from "./lab.js";

const step = silent();

describe.skipIf(hypervMissing() !== undefined)(withHyperv("a machine with checkpoints on Hyper-V"), () => {
  let lab: Lab;
  let host: Lab["host"];
  let disk: Made;
  let spare: Made;
  let machine: Made;
  const engine = (kind: KindName) => engineOn(host, kind);
  const checked = (kind: KindName, words: Words) => checkedOn(host, kind, words);
  const create = (kind: KindName, words: Words) => createOn(host, kind, words);
  const words = (more: Words = {}): Words => ({
    name: "web",
    memory: "64MiB",
    disks: [disk, spare].map(({ outputs }, i) => ({ name: `d${i}`, volume: outputs["path"] })),
    ...more,
  });
  const one = (made: Made): Words => ({ name: "d0", volume: made.outputs["path"] });
  const problems = (kind: KindName, made: Made, more: Words) =>
    engine(kind).examine(checked(kind, more), made.id, made.inputs);
  /** Paths of what an update to these words would change. */
  const planned = async (more: Words = {}): Promise<readonly string[]> => {
    const now = await engine("VirtualMachine").observe(machine.id, machine.inputs, machine.outputs);
    if (now === undefined) throw new Error("the machine is gone");
    const before = project(kinds.VirtualMachine.properties, machine.inputs as never, now.properties as never);
    return engine("VirtualMachine")
      .plan(before as never, checked("VirtualMachine", words(more)), now)
      .changes.map((change) => change.path);
  };
  const file = (made: Made) => lab.simulated.path(String(made.outputs["path"]));

  beforeAll(async () => {
    lab = await openLab();
    host = lab.host;
    disk = await create("Volume", { name: "system", size: "8MiB" });
    spare = await create("Volume", { name: "spare", size: "8MiB" });
    machine = await create("VirtualMachine", words());
    await lines(
      lab.simulated,
      "Checkpoint-VM -Name web -SnapshotName first; Checkpoint-VM -Name web -SnapshotName second",
    );
    // Another process, for which everything is new.
    host = lab.connect();
  });
  afterAll(() => lab?.close());

  test("is as it was declared, and changes in what checkpoints allow", async () => {
    const drives = (await getMachine(host.agent, machine.id))?.disks;
    expect(drives?.map(({ path }) => path)).toEqual([disk, spare].map(({ outputs }) => outputs["path"]));
    expect(await planned()).toEqual([]);
    const more = words({ description: "with checkpoints" });
    machine = await engine("VirtualMachine").update(machine.id, machine.inputs, checked("VirtualMachine", more), step);
    expect(await planned({ description: "with checkpoints" })).toEqual([]);
    expect((await getMachine(host.agent, machine.id))?.snapshots).toHaveLength(2);
  });

  test("keeps its disks: what was written since is in layers over them", async () => {
    const said = /^must keep "d1" where it is.* "web" has checkpoints: remove them first/;
    expect(await problems("VirtualMachine", machine, words({ disks: [one(disk)] }))).toEqual([
      { path: "disks", reason: expect.stringMatching(said) },
    ]);
    const update = engine("VirtualMachine").update(
      machine.id,
      machine.inputs,
      checked("VirtualMachine", words({ disks: [one(disk)] })),
      step,
    );
    await expect(update).rejects.toThrow(/must keep "d1"/);
    expect(await planned({ description: "with checkpoints" })).toEqual([]);
  });

  test("keeps the size and the files of its volumes", async () => {
    const grown = await problems("Volume", disk, { name: "system", size: "16MiB" });
    expect(grown).toEqual([{ path: "size", reason: expect.stringMatching(/virtual machine "web" has checkpoints/) }]);
    const removed = engine("Volume").remove(disk.id, disk.inputs, step);
    expect(await refusalOf(removed)).toMatchObject({ code: "busy", fact: expect.stringContaining('"web"') });
    expect(existsSync(file(disk))).toBe(true);
  });

  test("is deleted with them only when that is allowed", async () => {
    const refused = engine("VirtualMachine").remove(machine.id, machine.inputs, step);
    expect(await refusalOf(refused)).toMatchObject({ where: { property: "allowSnapshotLoss" } });
  });

  test("is like any other once they are gone and merged", async () => {
    await lines(lab.simulated, "Get-VMSnapshot -VMName web | Remove-VMSnapshot -Confirm:$false");
    await waitFor(
      async () => ((await getMachine(host.agent, machine.id))?.snapshots.length === 0 ? true : undefined),
      10_000,
      () => "the checkpoints are still there",
    );
    host = lab.connect();
    expect(await planned({ description: "with checkpoints" })).toEqual([]);
    const fewer = checked("VirtualMachine", words({ disks: [one(disk)] }));
    expect(await problems("VirtualMachine", machine, words({ disks: [one(disk)] }))).toEqual([]);
    machine = await engine("VirtualMachine").update(machine.id, machine.inputs, fewer, step);
    await engine("VirtualMachine").remove(machine.id, machine.inputs, step);
    for (const made of [spare, disk]) await engine("Volume").remove(made.id, made.inputs, step);
    expect([disk, spare].map((made) => existsSync(file(made)))).toEqual([false, false]);
  });
});
