import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { network } from "../../provider/backends/libvirt/network.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { Engine } from "../../provider/core/engine.js";
import { kinds } from "../../provider/kinds/index.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { doubles, keptOf } from "./lab.js";
import type { Job } from "./process.js";
import { atOnce } from "./processes.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(
  `two processes at once on one host${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let lab: LibvirtHost;
    let connection: ReturnType<typeof openHost>;
    const step = () => ({ report: () => undefined, signal: new AbortController().signal });
    beforeAll(async () => {
      lab = await startLibvirtd();
      connection = openHost({ uri: lab.uri });
      const networks = new Engine(kinds.Network, network, { name: "lab", connection });
      await networks.create(networks.check({ owner: "lan", name: "lan", cidr: "10.1.0.0/24" }).inputs as never, step());
      await lab.virsh("pool-define-as", "default", "dir", "--target", `${lab.pools}/default`);
      await lab.virsh("pool-build", "default");
      await lab.virsh("pool-start", "default");
    });
    afterEach(async () => {
      const machines = new Engine(kinds.VirtualMachine, virtualMachine, { name: "lab", connection });
      for (const { id, name } of await machines.list()) await machines.remove(id, { name } as never, step());
      expect(await left()).toEqual({ machines: [], macs: [], addresses: [], files: "" });
    });
    afterAll(async () => {
      await connection?.close();
      await lab?.stop();
    });

    /** What is on the host, and nothing of it twice. */
    const left = async () => {
      const machines = (await lab.virsh("list", "--all", "--name")).split("\n").filter((name) => name !== "");
      const { macs, addresses } = keptOf(await lab.virsh("net-dumpxml", "lan"));
      expect(keptOf(await lab.virsh("net-dumpxml", "--inactive", "lan")).macs.length).toBe(macs.length);
      expect([...doubles(macs), ...doubles(addresses)]).toEqual([]);
      return { machines, macs, addresses, files: (await lab.exec(["ls", `${lab.pools}/default`])).trim() };
    };
    const machine = (name: string, nic: object = {}, owner = name) => ({
      owner,
      name,
      memory: "32MiB",
      firmware: "bios",
      acceleration: "none",
      powerState: "stopped",
      networks: [{ network: "lan", ...nic }],
      cloudInit: { userData: "#!/bin/true" },
    });
    const job = (holdAt: string, ...machines: Job["machines"]): Job => ({ uri: lab.uri, holdAt, machines });

    it("give nothing twice to machines of one managed network", async () => {
      const many = (prefix: string) => Array.from({ length: 3 }, (_, i) => machine(`${prefix}${i}`));
      const endings = (await atOnce(job("network.update", ...many("a")), job("network.update", ...many("b")))).flat();
      const made = endings.flatMap((ending) => ("macs" in ending ? [ending] : []));
      expect(made).toHaveLength(6);
      const { machines, macs, addresses } = await left();
      expect(machines).toHaveLength(6);
      expect([...macs].sort()).toEqual(made.flatMap((one) => one.macs).sort());
      expect([...addresses].sort()).toEqual(made.flatMap((one) => one.addresses).sort());
    });

    const MAC = "52:54:00:ee:00:01";
    it.each([
      ["on a managed network", { mac: MAC }, "network.update"],
      ["on a managed network, held before both are defined", { mac: MAC }, "domain.define"],
      ["on no network that could tell", { mac: MAC, network: undefined, bridge: "br0" }, "domain.define"],
    ])("let one have a MAC that both declare, %s", async (_, nic, holdAt) => {
      const endings = await atOnce(job(holdAt, machine("a", nic)), job(holdAt, machine("b", nic)));
      const [won, lost] = ["macs", "code"].map((sign) => endings.flat().find((ending) => sign in ending));
      expect(won).toMatchObject({ macs: [MAC] });
      expect(lost).toMatchObject({
        code: "exists",
        property: "networks[0].mac",
        fact: expect.stringMatching(/^"52:54:00:ee:00:01" is already the MAC of virtual machine "[ab]"$/),
        hint: "Choose another, or leave it out.",
      });
      const { machines, macs, files } = await left();
      expect(machines).toHaveLength(1);
      expect(macs).toEqual("bridge" in nic ? [] : [MAC]);
      expect(files).toMatch(new RegExp(`^${machines[0]}-\\w{8}-seed\\.iso$`));
    });

    it.each(["network.update", "domain.define"])(
      "let one have a name that both declare, held at %s",
      async (holdAt) => {
        const endings = await atOnce(job(holdAt, machine("m", {}, "a")), job(holdAt, machine("m", {}, "b")));
        const [won, lost] = ["macs", "code"].map((sign) => endings.flat().find((ending) => sign in ending));
        expect(won).toMatchObject({ macs: [expect.any(String)] });
        expect(lost).toMatchObject({
          code: "exists",
          property: "name",
          fact: 'a virtual machine "m" of somebody else is on the host',
          hint: expect.stringContaining("Choose another name"),
        });
        const { machines, macs, files } = await left();
        expect({ machines, macs }).toEqual({ machines: ["m"], macs: won && "macs" in won ? won.macs : [] });
        expect(files).toMatch(/^m-\w{8}-seed\.iso$/);
      },
    );
  },
);
