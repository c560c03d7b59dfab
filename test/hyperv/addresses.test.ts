import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMark } from "../../provider/backends/hyperv/machine/mark.js";
import { hostFacts, hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import { createMachine, startMachine } from "../../provider/backends/hyperv/requests/machine.js";
import { createSwitch } from "../../provider/backends/hyperv/requests/switch.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { createOn, type Lab, openLab } from "./lab.js";

const FOLDER = "C:\\vms";
/** Machines by name, with the last bytes of the MACs of their interfaces and what each is known under. */
const MACHINES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  one: { "01": ["10.9.0.11", "fe80::1"] },
  two: { "02": ["10.9.0.12"], "03": ["10.9.0.13"] },
  mute: { "04": [] },
};
const mac = (last: string): string => `52:54:00:00:09:${last}`;

describe.skipIf(hypervMissing() !== undefined)(withHyperv("addresses of guests on Hyper-V"), () => {
  let lab: Lab;
  const agent = () => lab.host.agent;
  beforeAll(async () => {
    lab = await openLab();
    const { id: switchId } = await createSwitch(agent(), {
      name: "lan",
      type: "Internal",
      notes: "",
      host: { address: "10.9.0.1", prefix: 24 },
    });
    for (const [name, nics] of Object.entries(MACHINES)) {
      const { id } = await createMachine(agent(), {
        name,
        sole: { name, nics: [] },
        generation: 2,
        path: FOLDER,
        memory: { startup: 2 ** 30 },
        disks: [],
        dvds: [],
        nics: Object.keys(nics).map((last) => ({ name: last, mac: mac(last), switchId })),
        tpm: false,
      });
      await startMachine(agent(), id);
    }
  });
  afterAll(() => lab?.close());

  const known = Object.values(MACHINES).flatMap((nics) =>
    Object.entries(nics).flatMap(([last, all]) =>
      all.map((address) => ({ mac: mac(last).replaceAll(":", ""), address })),
    ),
  );
  const told = async (): Promise<unknown> => {
    lab.counts.clear();
    const { machines } = await hostInventory(agent());
    expect(Object.fromEntries(lab.counts)).toEqual({ "host.inventory": 1 });
    const of = (name: string) => machines.find((m) => m.name === name)?.nics ?? [];
    return Object.fromEntries(
      Object.keys(MACHINES).map((name) => [name, Object.fromEntries(of(name).map((n) => [n.name, n.addresses]))]),
    );
  };
  const calls = async () =>
    (await lab.simulated.journal()).map(({ command }) => command).filter((c) => /NetNeighbor|CimInstance/.test(c));

  test("come from the guest's services, for each interface", async () => {
    await lab.simulated.set({ addresses: known });
    expect(await told()).toEqual(MACHINES);
  });

  test("come from the pairs that a guest wrote, where it has one interface, else from the host's neighbours", async () => {
    await lab.simulated.set({ addresses: known, kvp: "pairs" });
    expect(await told()).toEqual({ ...MACHINES, one: { "01": ["10.9.0.11"] } });
  });

  test("come from the host's neighbours where no guest tells any", async () => {
    await lab.simulated.set({ addresses: known, kvp: false });
    expect(await told()).toEqual(MACHINES);
  });

  test("are left out where the host can be asked neither", async () => {
    const denied = { id: "HRESULT 0x80041003", category: "PermissionDenied", message: "Access denied" };
    await lab.simulated.set({ addresses: known, kvp: false });
    await lab.simulated.faults([
      { command: "Get-CimInstance", error: denied },
      { command: "Get-NetNeighbor", error: denied },
    ] as never);
    expect(await told()).toEqual({ one: { "01": [] }, two: { "02": [], "03": [] }, mute: { "04": [] } });
  });

  test("come with the host's name servers behind its NAT, and with none elsewhere", async () => {
    const { nameServers } = await hostFacts(agent());
    for (const [mode, cidr, dns] of [
      ["nat", "10.71.0.0/24", nameServers],
      ["isolated", "10.72.0.0/24", []],
    ] as const) {
      const { id } = await createOn(lab.host, "Network", { name: mode, mode, cidr });
      const words = { name: `on-${mode}`, memory: "64MiB", powerState: "stopped", networks: [{ network: id }] };
      const made = await createOn(lab.host, "VirtualMachine", { ...words, cloudInit: { userData: "#!/bin/true" } });
      const machine = (await hostInventory(agent())).machines.find((m) => m.id === made.id);
      expect(readMark(machine?.notes ?? "").mark?.nics[0]?.address?.dns, mode).toEqual(dns);
    }
  });

  test("cost nothing more where each interface has told one", async () => {
    await lab.simulated.faults([]);
    const before = (await calls()).length;
    await lab.simulated.set({
      addresses: [...known, { mac: mac("04").replaceAll(":", ""), address: "10.9.0.14" }],
      kvp: true,
    });
    await told();
    expect((await calls()).length).toBe(before);
  });
});
