import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { lines } from "../hosts/hyperv/session.js";
import { checkedOn, createOn, engineOn, type Lab, openLab, refusalOf, silent, type Words } from "./lab.js";

const [one, two] = ["52:54:00:00:00:01", "52:54:00:00:00:02"];

describe.skipIf(hypervMissing() !== undefined)(withHyperv("the DHCP role of a Hyper-V host"), () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab({ features: ["DHCP"] });
    await lines(
      lab.simulated,
      "Add-DhcpServerv4Scope -Name office -StartRange 10.90.0.10 -EndRange 10.90.0.99 -SubnetMask 255.255.255.0",
    );
  });
  afterAll(() => lab?.close());
  const engine = () => engineOn(lab.host, "Network");
  const range = (start: number, end: number) => ({ start: `10.81.0.${start}`, end: `10.81.0.${end}` });
  const words = (more: Words = {}): Words => ({
    name: "lan",
    cidr: "10.81.0.0/24",
    addressing: "dhcp",
    dhcp: { range: range(100, 150) },
    ...more,
  });
  const scopes = async () =>
    (await hostInventory(lab.connect().agent)).dhcp.scopes.filter(({ name }) => name !== "office");
  const problems = (more: Words, host = lab.host) =>
    engineOn(host, "Network").examine(checkedOn(host, "Network", words(more)));

  test("hands out what a network declares: made, changed, moved and removed with it", async () => {
    const made = await createOn(lab.host, "Network", words());
    expect(await scopes()).toEqual([
      { id: "10.81.0.0", name: "crossvisor-lan", ours: true, active: true, ...range(100, 150), reservations: [] },
    ]);
    const journal = await lab.simulated.journal();
    expect(
      journal.filter(({ command }) => command === "Set-DhcpServerv4OptionValue").map(({ parameters }) => parameters),
    ).toEqual([
      expect.objectContaining({ Router: expect.anything() }),
      expect.objectContaining({ DnsServer: expect.anything() }),
    ]);
    let kept = made;
    for (const change of [
      {
        dhcp: {
          range: range(110, 160),
          hosts: [
            { mac: one, address: "10.81.0.120" },
            { mac: two, address: "10.81.0.111", name: "two" },
          ],
        },
      },
      { dhcp: { range: range(110, 160), hosts: [{ mac: one, address: "10.81.0.121", name: "one" }] } },
      { name: "renamed", dhcp: { range: range(110, 130) }, addressing: "managed" },
      { cidr: "10.82.0.0/24", dhcp: { range: { start: "10.82.0.9", end: "10.82.0.19" } } },
      { mode: "isolated", dhcp: undefined, addressing: "managed" },
      {},
    ]) {
      const wanted = checkedOn(lab.host, "Network", words(change));
      expect(await engine().examine(wanted, made.id, kept.inputs)).toEqual([]);
      kept = await engine().update(made.id, kept.inputs, wanted, silent());
      // Another process, for which everything is new.
      const read = await engineOn(lab.connect(), "Network").read(made.id, kept.inputs, kept.outputs);
      expect(read?.inputs).toEqual(wanted);
      expect(await scopes()).toHaveLength("dhcp" in change && change.dhcp === undefined ? 0 : 1);
    }
    await engine().remove(made.id, kept.inputs, silent());
    expect(await scopes()).toEqual([]);
    expect((await hostInventory(lab.connect().agent)).dhcp.scopes).toEqual([
      expect.objectContaining({ name: "office", ours: false }),
    ]);
  });

  test("is repaired where somebody took a scope away, or an update was broken off in it", async () => {
    const made = await createOn(lab.host, "Network", words());
    for (const harm of [
      "Remove-DhcpServerv4Scope -ScopeId 10.81.0.0 -Force",
      "Set-DhcpServerv4Scope -ScopeId 10.81.0.0 -State InActive",
    ]) {
      await lines(lab.simulated, harm);
      const read = await engineOn(lab.connect(), "Network").read(made.id, made.inputs, made.outputs);
      expect(read?.inputs["dhcp"]).toBeUndefined();
      await engine().update(made.id, read?.inputs ?? {}, made.inputs, silent());
      expect(await scopes()).toEqual([expect.objectContaining({ active: true, ...range(100, 150) })]);
    }
    await engine().remove(made.id, made.inputs, silent());
  });

  test("gives no machine an address that it hands out, and hands out none that a machine has", async () => {
    const small = { cidr: "10.81.0.0/28", addressing: "managed", dhcp: { range: range(2, 12) } };
    const network = await createOn(lab.host, "Network", words(small));
    const machine = (name: string, nic: Words = {}) => ({
      name,
      memory: "64MiB",
      powerState: "stopped",
      networks: [{ network: network.id, ...nic }],
    });
    const made = await createOn(lab.host, "VirtualMachine", machine("a"));
    const address = (made.outputs["addresses"] as Record<string, string[]> | undefined) ?? {};
    expect(JSON.stringify(address)).toMatch(/10\.81\.0\.1[34]/);
    const inside = checkedOn(lab.host, "VirtualMachine", machine("b", { address: "10.81.0.5" }));
    expect(await engineOn(lab.host, "VirtualMachine").examine(inside)).toEqual([
      {
        path: "networks[0].address",
        reason: expect.stringMatching(/10\.81\.0\.5 is handed out .*from 10\.81\.0\.2 to 10\.81\.0\.12/),
      },
    ]);
    const wider = checkedOn(lab.host, "Network", words({ ...small, dhcp: { range: range(2, 14) } }));
    expect(await engine().examine(wider, network.id, network.inputs)).toEqual([
      {
        path: "dhcp.range",
        reason: expect.stringMatching(/holds 10\.81\.0\.1[34], the address of "a": choose another range/),
      },
    ]);
    await engineOn(lab.host, "VirtualMachine").remove(made.id, made.inputs, silent());
    await engine().remove(network.id, network.inputs, silent());
  });

  test("is never touched where it is somebody else's, and a creation that fails leaves nothing", async () => {
    const office = { cidr: "10.90.0.0/24", dhcp: { range: { start: "10.90.0.100", end: "10.90.0.110" } } };
    expect(await problems(office)).toEqual([
      { path: "cidr", reason: expect.stringMatching(/^is that of the scope "office"/) },
    ]);
    await lab.simulated.faults([
      { command: "Set-DhcpServerv4OptionValue", error: { id: "DHCP 1", category: "NotSpecified", message: "no" } },
    ] as never);
    expect(await refusalOf(createOn(lab.host, "Network", words()))).toMatchObject({ code: "failed" });
    await lab.simulated.faults([]);
    expect(await scopes()).toEqual([]);
    expect((await hostInventory(lab.connect().agent)).switches).toEqual([]);
  });

  test("that is stopped is an error for those who need it, and for nobody else", async () => {
    const made = await createOn(lab.host, "Network", words());
    const other = await createOn(lab.host, "Network", { name: "other", mode: "private" });
    await lab.simulated.set({ dhcpService: "Stopped" });
    const host = lab.connect();
    const away = {
      code: "failed",
      fact: expect.stringMatching(/DHCP server is stopped/),
      hint: expect.stringContaining("Start-Service"),
    };
    expect(await refusalOf(engineOn(host, "Network").observe(made.id, made.inputs))).toMatchObject(away);
    expect(await refusalOf(engineOn(host, "Network").remove(made.id, made.inputs, silent()))).toMatchObject(away);
    expect(await engineOn(host, "Network").observe(other.id, other.inputs)).toBeDefined();
    expect(
      await problems(
        { name: "x", cidr: "10.83.0.0/24", dhcp: { range: { start: "10.83.0.5", end: "10.83.0.6" } } },
        lab.connect(),
      ),
    ).toEqual([{ path: "dhcp", reason: expect.stringMatching(/is stopped.*start it as an administrator/) }]);
    await lab.simulated.set({ dhcpService: "Running" });
    for (const { id, inputs } of [made, other]) await engine().remove(id, inputs, silent());
  });
});

test.skipIf(hypervMissing() !== undefined)(withHyperv("a host without the DHCP role says so"), async () => {
  const lab = await openLab();
  try {
    const words = {
      name: "n",
      cidr: "10.81.0.0/24",
      addressing: "dhcp",
      dhcp: { range: { start: "10.81.0.9", end: "10.81.0.19" } },
    };
    expect(await engineOn(lab.host, "Network").examine(checkedOn(lab.host, "Network", words))).toEqual([
      {
        path: "dhcp",
        reason: expect.stringMatching(
          /^not supported: the host has no DHCP server: leave it out.*Install-WindowsFeature DHCP/,
        ),
      },
    ]);
  } finally {
    await lab.close();
  }
});
