import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { libvirt } from "../../provider/backends/libvirt/index.js";
import type { OpenHost } from "../../provider/core/engine.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { doubles, keptOf } from "./lab.js";
import type { Ending, Job } from "./process.js";
import { atOnce } from "./processes.js";

const reason = requirements();

describe.skipIf(reason !== undefined)(
  `two processes at once on one host${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let lab: LibvirtHost;
    let host: OpenHost;
    const step = () => ({ report: () => undefined, signal: new AbortController().signal });
    beforeAll(async () => {
      lab = await startLibvirtd();
      host = libvirt.host({ uri: lab.uri });
      const networks = host.engine("Network");
      await networks.create(networks.check({ owner: "lan", name: "lan", cidr: "10.1.0.0/24" }).inputs as never, step());
      await lab.virsh("pool-define-as", "default", "dir", "--target", `${lab.pools}/default`);
      await lab.virsh("pool-build", "default");
      await lab.virsh("pool-start", "default");
    });
    afterEach(async () => {
      const machines = host.engine("VirtualMachine");
      for (const { id, name } of await machines.list()) await machines.remove(id, { name } as never, step());
      expect(await left()).toEqual({ machines: [], macs: [], addresses: [], files: "" });
    });
    afterAll(async () => {
      await host?.close();
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
    const job = (holdAt: string, ...objects: Job["objects"]): Job => ({
      uri: lab.uri,
      holdAt,
      kind: "VirtualMachine",
      objects,
    });
    /** What machines that were made got: their MACs or their addresses. */
    const got = (endings: readonly Ending[], what: "macs" | "addresses") =>
      endings.flatMap((e) => ("outputs" in e ? Object.values(e.outputs[what] as Record<string, unknown>).flat() : []));
    const parted = (endings: readonly (readonly Ending[])[]) => {
      const all = endings.flat();
      return { won: all.filter((e) => "id" in e), lost: all.filter((e) => "code" in e) };
    };

    it("give nothing twice to machines of one managed network", async () => {
      const many = (prefix: string) => Array.from({ length: 3 }, (_, i) => machine(`${prefix}${i}`));
      const endings = (await atOnce(job("network.update", ...many("a")), job("network.update", ...many("b")))).flat();
      expect(parted([endings]).won).toHaveLength(6);
      const { machines, macs, addresses } = await left();
      expect(machines).toHaveLength(6);
      expect([...macs].sort()).toEqual(got(endings, "macs").sort());
      expect([...addresses].sort()).toEqual(got(endings, "addresses").sort());
    });

    const MAC = "52:54:00:ee:00:01";
    it.each([
      ["on a managed network", { mac: MAC }, "network.update"],
      ["on a managed network, held before both are defined", { mac: MAC }, "domain.define"],
      ["on no network that could tell", { mac: MAC, network: undefined, bridge: "br0" }, "domain.define"],
    ])("let one have a MAC that both declare, %s", async (_, nic, holdAt) => {
      const endings = await atOnce(job(holdAt, machine("a", nic)), job(holdAt, machine("b", nic)));
      const { won, lost } = parted(endings);
      expect(got(won, "macs")).toEqual([MAC]);
      expect(lost).toHaveLength(1);
      expect(lost[0]).toMatchObject({
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
        const { won, lost } = parted(endings);
        expect(lost).toHaveLength(1);
        expect(lost[0]).toMatchObject({
          code: "exists",
          property: "name",
          fact: 'a virtual machine "m" of somebody else is on the host',
          hint: expect.stringContaining("Choose another name"),
        });
        const { machines, macs, files } = await left();
        expect({ machines, macs }).toEqual({ machines: ["m"], macs: got(won, "macs") });
        expect(files).toMatch(/^m-\w{8}-seed\.iso$/);
      },
    );

    /** The procedure that brings an object with a name into being, the words of the two, and what the one is told that lost. */
    const NAMED = [
      [
        "StoragePool",
        "pool.define",
        (owner: string) => ({ path: `${lab.pools}/${owner}` }),
        "a storage pool of that name exists and is not ours",
      ],
      [
        "Network",
        "network.defineFlags",
        (owner: string) => ({ cidr: owner === "a" ? "10.2.0.0/24" : "10.3.0.0/24" }),
        '"same" is on the host already and belongs to somebody else',
      ],
      [
        "Volume",
        "secret.define",
        () => ({ pool: "default", size: "1MiB" }),
        expect.stringContaining("/default/same belongs to somebody else"),
      ],
    ] as const;
    it.each(NAMED)("let one have the name of a %s that both declare", async (kind, holdAt, more, fact) => {
      const objects = (owner: string) => [{ owner, name: "same", ...more(owner) }];
      const one = (owner: string): Job => ({ uri: lab.uri, kind, holdAt, objects: objects(owner) });
      const { won, lost } = parted(await atOnce(one("a"), one("b")));
      expect(won).toHaveLength(1);
      expect(lost).toEqual([
        { code: "exists", property: "name", fact, hint: expect.stringMatching(/another (one|name)/) },
      ]);
      const made = host.engine(kind);
      const { id = "" } = won.find((ending) => "id" in ending) ?? {};
      const same = (await made.list()).filter(({ name }) => name.endsWith("same"));
      expect(same.map((one) => one.id)).toEqual([id]);
      await made.remove(id, { name: "same", ...more("a") } as never, step());
    });
  },
);
