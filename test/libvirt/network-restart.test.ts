import { describe, expect, it } from "vitest";
import { inactiveXml, refOf } from "../../provider/backends/libvirt/network-ref.js";
import { requirements } from "../hosts/libvirtd.js";
import { breaking } from "./breaking.js";
import { failure } from "./network-fixtures.js";
import { useNetworkLab } from "./network-lab.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(`restarts of networks${reason === undefined ? "" : ` (${reason})`}`, () => {
  const { lab, create, guest, ports, restartsDuring } = useNetworkLab();

  it.each([
    ["mtu", { mtu: 1300 }],
    ["dns", { dns: { domain: "y.test" } }],
    ["bridge", { bridge: "cvbr7" }],
    ["mode", { mode: "routed" }],
    ["cidr", { cidr: "10.9.0.0/24" }],
    ["private mode", { mode: "private", cidr: undefined }],
  ])("restarts for another %s and plugs the running guest in again", async (_what, change) => {
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    await guest("n");
    const [domain, pid] = [
      await lab.daemon.virsh("domid", "guest"),
      await lab.daemon.exec(["cat", "/run/libvirt/qemu/guest.pid"]),
    ];
    const defined = await lab.daemon.virsh("dumpxml", "--inactive", "guest");
    const next = lab.s.declare({ ...written, ...change });
    expect(await restartsDuring(async () => expect(await lab.s.change(id, wanted, next)).toBe("restart"))).toBe(1);
    const { outputs } = (await lab.s.engine.read(id, next))!;
    expect(await ports(outputs.bridgeDevice!)).toMatch(/^vnet\d+$/);
    expect(await lab.daemon.virsh("domid", "guest")).toBe(domain);
    expect(await lab.daemon.exec(["cat", "/run/libvirt/qemu/guest.pid"])).toBe(pid);
    expect(await lab.daemon.virsh("dumpxml", "--inactive", "guest")).toBe(defined);
    const live = await lab.daemon.virsh("dumpxml", "guest");
    expect(live).toContain("<source network='n'");
    expect(live).not.toContain("<link state='down'");
    expect(lab.s.said.at(-1)).toContain('"guest"');
    expect(await inactiveXml(lab.s.host, await refOf(lab.s.host, id))).not.toContain("pending");
    await lab.s.change(id, next, wanted);
    expect(await ports((await lab.s.engine.read(id, wanted))!.outputs.bridgeDevice!)).toMatch(/^vnet\d+$/);
  });

  it.each([
    ["added", {}, { mtu: 1300 }],
    ["taken away", { mtu: 1300 }, {}],
    ["a name that is not declared any more", { bridge: "cvbr7" }, {}],
    ["a domain taken away", { dns: { domain: "y.test" } }, {}],
  ])(
    "plugs in what an attempt that was broken off had only turned into an interface of the bridge: %s",
    async (...[, was, will]) => {
      const written = { name: "n", cidr: "10.1.0.0/24" };
      const { id, wanted } = await create({ ...written, ...was });
      await guest("n");
      const mend = breaking(lab.s.host, "domain.updateDevice", "end", 2);
      const next = lab.s.declare({ ...written, ...will });
      await expect(lab.s.change(id, wanted, next)).rejects.toThrow();
      mend();
      expect(await lab.daemon.virsh("dumpxml", "guest")).toContain("<source bridge=");
      // As a partial failure leaves the state: it has what was wanted.
      expect(await lab.s.change(id, next, next)).toBe("restart");
      const live = await lab.daemon.virsh("dumpxml", "guest");
      expect(live).toContain("<source network='n'");
      expect(live).not.toContain("<link state='down'");
      expect(await lab.s.change(id, next, next)).toBeUndefined();
      expect(await ports((await lab.s.engine.read(id, next))!.outputs.bridgeDevice!)).toMatch(/^vnet\d+$/);
    },
  );

  it("plugs in what began with a packet size of the network, and keeps a pulled cable pulled", async () => {
    const written = { name: "n", cidr: "10.1.0.0/24", mtu: 1400 };
    const { id, wanted } = await create(written);
    await guest("n");
    await lab.daemon.virsh("domif-setlink", "guest", "52:54:00:00:01:01", "down");
    await lab.daemon.virsh("suspend", "guest");
    let from = wanted;
    for (const mtu of [1300, undefined, 1500]) {
      const to = lab.s.declare({ ...written, mtu });
      expect(await lab.s.change(id, from, to)).toBe("restart");
      from = to;
      expect(await ports("virbr0")).toMatch(/^vnet\d+$/);
      expect(await lab.daemon.virsh("dumpxml", "guest")).toContain("<link state='down'/>");
    }
    expect(await lab.daemon.virsh("domstate", "guest")).toContain("paused");
  });

  it("moves guests to a host bridge and back", async () => {
    await lab.daemon.exec(["ip", "link", "add", "br-lan", "type", "bridge"]);
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    await guest("n");
    const bridged = lab.s.declare({ name: "n", mode: "bridged", bridge: "br-lan" });
    expect(await lab.s.change(id, wanted, bridged)).toBe("restart");
    expect(await ports("br-lan")).toMatch(/^vnet\d+$/);
    await lab.s.change(id, bridged, wanted);
    const { outputs } = (await lab.s.engine.read(id, wanted))!;
    expect(outputs.bridgeDevice).toMatch(/^virbr/);
    expect(await ports(outputs.bridgeDevice!)).toMatch(/^vnet\d+$/);
    expect(await ports("br-lan")).toBe("");
  });

  it("runs as before when it cannot start as it is wanted", async () => {
    await lab.daemon.exec(["ip", "link", "add", "lan0", "type", "bridge"]);
    await lab.daemon.exec(["ip", "addr", "add", "10.44.0.1/24", "dev", "lan0"]);
    await lab.daemon.exec(["ip", "link", "set", "lan0", "up"]);
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    await guest("n");
    const taken = lab.s.declare({ name: "n", cidr: "10.44.0.0/24" });
    const error = await failure(lab.s.change(id, wanted, taken));
    expect(error).toMatchObject({ code: "failed", where: { property: "cidr" } });
    expect(error.fact).toMatch(/already in use by interface lan0; the network runs as before/);
    const kept = (await lab.s.engine.read(id, wanted))!;
    expect(kept.inputs.cidr).toBe("10.1.0.0/24");
    expect(await ports(kept.outputs.bridgeDevice!)).toMatch(/^vnet\d+$/);
    // The same at creation leaves nothing.
    expect(await failure(lab.s.create(lab.s.declare({ name: "m", cidr: "10.44.0.0/24" })))).toMatchObject({
      code: "failed",
      where: { property: "cidr" },
    });
    expect(await lab.daemon.virsh("net-list", "--all", "--name")).not.toContain("m\n");
  });
});
