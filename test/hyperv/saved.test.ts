import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hyperv } from "../../provider/backends/hyperv/index.js";
import type { OpenHost } from "../../provider/core/engine.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { lines } from "../hosts/hyperv/session.js";
import { type Lab, openLab } from "./lab.js";

describe.skipIf(hypervMissing() !== undefined)(withHyperv("a machine whose running state was saved on Hyper-V"), () => {
  let lab: Lab;
  const hosts: OpenHost[] = [];
  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(async () => {
    for (const host of hosts) await host.close();
    await lab?.close();
  });
  /** Of another process, for which everything is new. */
  const engine = () => {
    const { user, address, port, privateKey, knownHosts } = lab.simulated;
    const uri = `hyperv+ssh://${user}@${address}:${port}`;
    const host = hyperv.host({ uri, privateKey, knownHosts, sshClient: "built-in", sshConfig: "none" });
    hosts.push(host);
    return host.engine("VirtualMachine");
  };
  const step = { report: () => undefined, signal: new AbortController().signal };

  test("changes in what Hyper-V changes of it, and goes on where it was", async () => {
    const words = { owner: "p/s", name: "saved", memory: "64MiB" };
    const first = engine();
    const checked = (more: object = {}) => first.check({ ...words, ...more }).inputs as never;
    const made = await first.create(checked(), step);
    await lines(lab.simulated, "Save-VM -Name saved");
    const other = engine();
    const read = await other.read(made.id, made.inputs, made.outputs);
    expect(read?.inputs).toEqual({ ...made.inputs, powerState: "stopped" });
    expect(read?.outputs["state"]).toBe("suspended");
    const inputs = read?.inputs as never;
    expect(await other.examine(checked({ memory: "96MiB" }), made.id, inputs)).toEqual([
      { path: "memory", reason: expect.stringMatching(/state of the running guest is saved.*Remove-VMSavedState/) },
    ]);
    expect(await other.examine(checked({ description: "edited" }), made.id, inputs)).toEqual([]);
    const again = await other.update(made.id, inputs, checked({ description: "edited" }), step);
    expect(again.outputs["state"]).toBe("running");
    expect(await other.examine(checked({ description: "edited", memory: "96MiB" }), made.id, again.inputs)).toEqual([]);
    await other.remove(made.id, again.inputs, step);
  });
});
