import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDisk, getDisk } from "../../provider/backends/hyperv/requests/disk.js";
import { hostFacts, hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import { createMachine, getMachine, type NewMachine } from "../../provider/backends/hyperv/requests/machine.js";
import { upload } from "../../provider/backends/hyperv/upload.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { type Lab, openLab, refusalOf } from "./lab.js";

const machine = (name: string): NewMachine => ({
  name,
  generation: 2,
  path: "C:\\vms",
  sole: { name, nics: [] },
  memory: { startup: 2 ** 30 },
  disks: [],
  dvds: [],
  nics: [],
  tpm: false,
});

describe.skipIf(hypervMissing() !== undefined)(withHyperv("ways to a Hyper-V host"), () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab({ noise: "motd > {", commandLimit: 1300, defaultShell: "powershell" });
  });
  afterAll(() => lab?.close());
  const agent = () => lab.host.agent;

  test("a shell that is PowerShell, speaks before us and cuts long lines is no hindrance", async () => {
    expect((await hostFacts(agent())).hyperV?.processors).toBe(16);
  });

  test("a stopped service is told with its remedy, and nothing counts as gone", async () => {
    const { id } = await createMachine(agent(), machine("kept"));
    await lab.simulated.set({ service: "stopped" });
    for (const step of [getMachine(agent(), id), hostInventory(agent()), createMachine(agent(), machine("new"))])
      expect(await refusalOf(step)).toMatchObject({
        code: "unreachable",
        fact: "the service vmms of Hyper-V is stopped on the host",
        hint: expect.stringContaining("Start-Service vmms"),
      });
    const facts = await hostFacts(agent());
    expect(facts).toMatchObject({ state: { vmms: "Stopped" }, hyperV: undefined, error: { code: "unreachable" } });
    await lab.simulated.set({ service: "running" });
    expect((await getMachine(agent(), id))?.name).toBe("kept");
  });

  test("a login without rights is told with its remedy", async () => {
    await lab.simulated.set({ rights: "none" });
    const denied = await refusalOf(hostInventory(agent()));
    expect(denied).toMatchObject({ code: "denied", hint: expect.stringContaining("Administrators") });
    await lab.simulated.set({ rights: "administrator" });
  });

  test("a long request runs beside, can be given up, and holds up no other", async () => {
    await lab.simulated.set({ times: { fixed: 60_000 } });
    const abort = new AbortController();
    const path = "C:\\vms\\fixed.vhdx";
    const fixed = { path, size: 2 ** 22, type: "Fixed" } as const;
    const pending = refusalOf(createDisk(agent(), fixed, { signal: abort.signal }));
    expect((await getDisk(agent(), "C:\\vms\\none.vhdx")).exists).toBe(false);
    abort.abort();
    expect(await pending).toMatchObject({ code: "dropped" });
    await lab.simulated.set({ times: { fixed: 0 } });
    expect((await getDisk(agent(), path)).exists).toBe(false);
  });

  test("a connection that is cut drops a change, and the next request starts another agent", async () => {
    await lab.simulated.faults([{ command: "Set-VMMemory", delay: 20_000 }]);
    const pending = refusalOf(createMachine(agent(), machine("cut")));
    const begun = async () => (await lab.simulated.journal()).some((c) => c.parameters["Name"]?.[0] === "cut");
    await expect.poll(begun, { timeout: 60_000 }).toBe(true);
    lab.simulated.cut();
    expect(await pending).toMatchObject({ code: "dropped", hint: expect.stringContaining("looks at the host first") });
    await lab.simulated.faults([]);
    expect((await hostInventory(agent())).machines.map((m) => m.name)).toContain("kept");
  });

  test("a host without sftp, of Server 2016", async () => {
    const old = await openLab({ version: "2016", sftp: false });
    try {
      expect(await hostFacts(old.host.agent)).toMatchObject({ build: 14393 });
      expect((await createMachine(old.host.agent, machine("a"))).name).toBe("a");
      async function* bytes() {
        yield Buffer.from("hello");
      }
      const path = "C:\\vms\\a.iso";
      expect(await upload(old.host, { path, parts: bytes() })).toMatchObject({ fileSize: 5 });
      expect(readFileSync(old.simulated.path(path), "utf8")).toBe("hello");
      expect(old.counts.get("file.write")).toBe(2);
    } finally {
      await old.close();
    }
  });

  test("a host without Hyper-V", async () => {
    const bare = await openLab({ module: "absent" });
    try {
      const error = await refusalOf(hostInventory(bare.host.agent));
      expect(error).toMatchObject({ code: "unsupported", hint: expect.stringContaining("Install-WindowsFeature") });
      expect(await hostFacts(bare.host.agent)).toMatchObject({ state: { vmms: "Absent", module: false } });
    } finally {
      await bare.close();
    }
  });
});
