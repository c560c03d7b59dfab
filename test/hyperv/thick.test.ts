import { readdirSync, statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { MiB, makeImages, run } from "../libvirt/storage-lab.js";
import { checkedOn, createOn, engineOn, type Lab, type Made, openLab, refusalOf, silent, type Words } from "./lab.js";

describe.skipIf(hypervMissing() !== undefined)(withHyperv("thick volumes of Hyper-V"), () => {
  let lab: Lab;
  let images: { readonly raw: string; readonly qcow2: string };
  beforeAll(async () => {
    lab = await openLab();
    images = await makeImages(lab.simulated.path("C:\\images"));
    await createOn(lab.host, "StoragePool", { name: "thick", path: "C:\\thick" });
  });
  afterAll(() => lab?.close());
  const volume = (words: Words): Words => ({ pool: "thick", provisioning: "thick", allowDataLoss: true, ...words });
  const create = (words: Words) => createOn(lab.host, "Volume", volume(words));
  const checked = (words: Words) => checkedOn(lab.host, "Volume", volume(words));
  const file = ({ outputs }: Made) => lab.simulated.path(String(outputs["path"]));
  const folder = () => readdirSync(lab.simulated.path("C:\\thick")).filter((name) => name !== ".crossvisor");

  test("take all of their size, and grow by whole room", async () => {
    const made = await create({ name: "blank", size: "16MiB" });
    expect(made.outputs["allocation"]).toBeGreaterThanOrEqual(16 * MiB);
    expect(statSync(file(made)).size).toBeGreaterThanOrEqual(16 * MiB);
    const engine = engineOn(lab.host, "Volume");
    const wanted = checked({ name: "blank", size: "24MiB" });
    const grown = await engine.update(made.id, made.inputs, wanted, silent());
    expect(grown.outputs["allocation"]).toBeGreaterThanOrEqual(24 * MiB);
    expect((await engine.read(made.id, grown.inputs, grown.outputs))?.inputs).toEqual(wanted);
    const thin = checked({ name: "blank", size: "24MiB", provisioning: "thin" });
    const now = await engine.observe(made.id, grown.inputs, grown.outputs);
    if (now === undefined) throw new Error("it is gone");
    const plan = engine.plan(grown.inputs, thin, now);
    expect(plan.changes).toEqual([expect.objectContaining({ path: "provisioning", effect: "replace" })]);
    await engine.remove(made.id, grown.inputs, silent());
    expect(folder()).toEqual([]);
  });

  test.each(["raw", "qcow2"] as const)(
    "hold what their %s source holds, and are complete after a cut",
    async (format) => {
      const words = { name: "system", source: images[format], size: "48MiB" };
      await lab.simulated.faults([{ command: "Convert-VHD", moment: "after", exit: true }]);
      expect(await refusalOf(create(words))).toMatchObject({ code: "dropped" });
      await lab.simulated.faults([]);
      const made = await create(words);
      expect(made.outputs).toMatchObject({ size: 48 * MiB });
      expect(made.outputs["allocation"]).toBeGreaterThanOrEqual(48 * MiB);
      expect((await engineOn(lab.host, "Volume").observe(made.id, made.inputs))?.properties).toMatchObject({
        provisioning: "thick",
      });
      const { stdout } = await run("qemu-img", ["compare", "-f", "raw", "-F", "vhdx", images.raw, file(made)]);
      expect(stdout).toMatch(/identical/);
      expect(folder().filter((name) => name.includes("part"))).toEqual([]);
      await engineOn(lab.host, "Volume").remove(made.id, made.inputs, silent());
    },
  );

  test("go on where the host refused to convert them", async () => {
    const words = { name: "refused", source: images.raw };
    const error = { id: "OperationFailed", category: "NotSpecified", message: "no" };
    await lab.simulated.faults([{ command: "Convert-VHD", error }] as never);
    expect(await refusalOf(create(words))).toMatchObject({ code: "failed" });
    await lab.simulated.faults([]);
    const made = await create(words);
    expect((await engineOn(lab.host, "Volume").observe(made.id, made.inputs))?.properties.provisioning).toBe("thick");
    await engineOn(lab.host, "Volume").remove(made.id, made.inputs, silent());
  });

  test("leave nothing where their making was cut and they are not wanted any more", async () => {
    const words = { name: "cut", source: images.raw };
    await lab.simulated.faults([{ command: "Convert-VHD", moment: "after", exit: true }]);
    expect(await refusalOf(create(words))).toMatchObject({ code: "dropped" });
    await lab.simulated.faults([]);
    expect(folder().toSorted()).toEqual(["cut.vhdx", "cut.vhdx.part.vhdx"]);
    const listed = await engineOn(lab.host, "Volume").list();
    expect(listed.map(({ name }) => name)).toEqual(["cut"]);
    await engineOn(lab.host, "Volume").remove(listed[0]?.id ?? "", checked(words), silent());
    expect(folder()).toEqual([]);
  });

  test("are refused at preview where the pool has too little room, and over a base", async () => {
    const engine = engineOn(lab.host, "Volume");
    const words = { name: "huge", size: "60TiB" };
    const problems = await engine.examine(checked(words));
    expect(problems).toEqual([
      { path: "size", reason: expect.stringMatching(/it takes 60TiB, and the storage pool .* free/) },
    ]);
    const source = await engine.examine(checked({ ...words, source: images.qcow2 }));
    expect(source).toEqual([{ path: "source", reason: expect.stringMatching(/^it takes .* free: free space there/) }]);
    const base = engine.check({ owner: "p/s", name: "over", base: "C:\\a.vhdx", provisioning: "thick" });
    expect(base.problems).toEqual([{ path: "provisioning", reason: expect.stringContaining("only what differs") }]);
  });
});
