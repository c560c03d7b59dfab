import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { allot, allotted, release } from "../../provider/backends/libvirt/allotment.js";
import { refOf } from "../../provider/backends/libvirt/network-ref.js";
import { redefine } from "../../provider/backends/libvirt/network-write.js";
import { parseXml, setText } from "../../provider/backends/libvirt/xml.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { hasProgram } from "../hosts/requirements.js";
import { failure, type Side, side, type Wanted } from "./network-fixtures.js";

const reason = requirements();
const dhcp = reason ?? (hasProgram("busybox") ? undefined : "needs busybox");
const mac = (n: number) => `52:54:00:00:02:${n.toString(16).padStart(2, "0")}`;

describe.skipIf(reason !== undefined)(`allotted addresses${reason === undefined ? "" : ` (${reason})`}`, () => {
  let daemon: LibvirtHost;
  let s: Side;
  let id: string;
  let wanted: Wanted;
  const written = { name: "n", cidr: "10.1.0.0/26" };
  const create = async (more: Readonly<Record<string, unknown>> = {}) => {
    wanted = s.declare({ ...written, ...more });
    id = (await s.create(wanted)).id;
  };
  const xml = async (...flags: string[]) => daemon.virsh("net-dumpxml", ...flags, "n");
  const entries = (text: string) => [...text.matchAll(/<host mac='[^>]*>/g)].map(([e]) => e).sort();
  beforeAll(async () => {
    daemon = await startLibvirtd();
    s = side(daemon.uri);
  });
  afterEach(() => s.remove(id, wanted));
  afterAll(async () => {
    await s?.host.close();
    await daemon?.stop();
  });

  it("are the same when asked for again, and cost two calls", async () => {
    await create();
    s.counts.clear();
    const first = await allot(s.host, id, { mac: mac(1), name: "Web Server" });
    expect([...s.counts.values()].reduce((a, b) => a + b, 0)).toBe(2);
    expect(first).toEqual({
      address: expect.stringMatching(/^10\.1\.0\.\d+$/),
      prefix: 26,
      gateway: "10.1.0.1",
      dns: ["10.1.0.1"],
    });
    s.counts.clear();
    expect(await allot(s.host, id, { mac: mac(1), name: "other" })).toEqual(first);
    expect(s.counts.get("network.update")).toBeUndefined();
    for (const text of [await xml(), await xml("--inactive")])
      expect(entries(text)).toEqual([`<host mac='${mac(1)}' name='web-server' ip='${first.address}'/>`]);
    expect(allotted(parseXml(await xml("--inactive"), "n"), mac(1))).toBe(first.address);
  });

  it("are given to what runs too, where a daemon that died had only written the definition", async () => {
    await create();
    const claim = { mac: mac(1), name: "web" };
    const first = await allot(s.host, id, claim);
    const [entry = ""] = entries(await xml());
    await daemon.virsh("net-update", "n", "delete", "ip-dhcp-host", entry, "--live");
    expect([entries(await xml()), entries(await xml("--inactive"))]).toEqual([[], [entry]]);
    expect(await allot(s.host, id, claim)).toEqual(first);
    expect([entries(await xml()), entries(await xml("--inactive"))]).toEqual([[entry], [entry]]);
  });

  it("never double when many processes ask at the same time", async () => {
    await create({ cidr: "10.1.0.0/24" });
    const sides = Array.from({ length: 4 }, () => side(daemon.uri));
    const all = await Promise.all(
      Array.from({ length: 32 }, (_, i) => allot(sides[i % 4]!.host, id, { mac: mac(i), name: `g${i}` })),
    );
    expect(new Set(all.map((a) => a.address)).size).toBe(32);
    expect(entries(await xml())).toHaveLength(32);
    expect(entries(await xml())).toEqual(entries(await xml("--inactive")));
    // Each is released by two processes.
    await Promise.all(
      Array.from({ length: 64 }, (_, i) => release(sides[((i % 32) % 4) ^ (i >> 5)]!.host, id, mac(i % 32))),
    );
    expect(entries(await xml())).toEqual([]);
    expect(entries(await xml("--inactive"))).toEqual([]);
    for (const other of sides) await other.host.close();
  });

  it("reach the last address and no further, also for guests of one name", async () => {
    await create({ cidr: "10.1.0.0/29" });
    const sides = Array.from({ length: 2 }, () => side(daemon.uri));
    const all = await Promise.all(
      Array.from({ length: 5 }, (_, i) => allot(sides[i % 2]!.host, id, { mac: mac(i), name: "same" })),
    );
    expect(all.map((a) => a.address).sort()).toEqual([2, 3, 4, 5, 6].map((n) => `10.1.0.${n}`));
    expect(await failure(allot(s.host, id, { mac: mac(99), name: "late" }))).toMatchObject({
      code: "failed",
      fact: "no address of 10.1.0.0/29 is free",
    });
    for (const other of sides) await other.host.close();
  });

  it("can be wanted, moved and refused", async () => {
    await create();
    const at = (address: string, n = 1) => allot(s.host, id, { mac: mac(n), wanted: address, name: `g${n}` });
    expect((await at("10.1.0.9")).address).toBe("10.1.0.9");
    expect((await at("10.1.0.10")).address).toBe("10.1.0.10");
    expect(entries(await xml())).toEqual([`<host mac='${mac(1)}' name='g1' ip='10.1.0.10'/>`]);
    expect(await failure(at("10.1.0.10", 2))).toMatchObject({
      code: "exists",
      fact: `10.1.0.10 belongs to "g1" (${mac(1)})`,
    });
    for (const wrong of ["10.1.0.0", "10.1.0.1", "10.1.0.63", "10.1.0.64"])
      expect(await failure(at(wrong, 2))).toMatchObject({ code: "invalid", where: { property: "networks" } });
    // What was refused changed nothing.
    expect(entries(await xml())).toHaveLength(1);
  });

  it("keep away from the declared range and the declared hosts", async () => {
    const hosts = [{ mac: mac(200), address: "10.1.0.62" }];
    await create({ dhcp: { range: { start: "10.1.0.2", end: "10.1.0.60" }, hosts } });
    expect((await allot(s.host, id, { mac: mac(1), name: "a" })).address).toBe("10.1.0.61");
    expect(await failure(allot(s.host, id, { mac: mac(2), name: "b" }))).toMatchObject({ code: "failed" });
    // A declared MAC has its declared address, which nobody releases.
    expect((await allot(s.host, id, { mac: mac(200), name: "c" })).address).toBe("10.1.0.62");
    await release(s.host, id, mac(200));
    expect(entries(await xml())).toHaveLength(2);
    expect((await s.engine.read(id, wanted))?.inputs.dhcp?.hosts).toEqual(hosts);
  });

  it("are neither drift of the network nor lost by its updates", async () => {
    await create();
    const { address } = await allot(s.host, id, { mac: mac(1), name: "a" });
    const read = await s.engine.read(id, wanted);
    expect(s.engine.plan(read?.inputs ?? {}, wanted, undefined).changes).toEqual([]);
    const hosts = [{ mac: mac(2), address: address === "10.1.0.5" ? "10.1.0.6" : "10.1.0.5" }];
    for (const more of [{ dhcp: { hosts } }, { dhcp: { hosts: [] } }, { description: "x" }, { mtu: 1300 }]) {
      const next = s.declare({ ...written, ...more });
      await s.change(id, wanted, next);
      wanted = next;
      for (const text of [await xml(), await xml("--inactive")])
        expect(allotted(parseXml(text, "n"), mac(1))).toBe(address);
    }
  });

  it("survive a redefinition that crosses them", async () => {
    await create();
    const other = side(daemon.uri);
    await allot(other.host, id, { mac: mac(1), name: "old" });
    const net = await refOf(s.host, id);
    const crossing = async () => {
      await allot(other.host, id, { mac: mac(2), name: "new" });
      await release(other.host, id, mac(1));
    };
    // Between the reading and the writing of the definition another process works on it.
    let crossed: Promise<void> | undefined;
    const call = s.host.session.call.bind(s.host.session);
    s.host.session.call = async (procedure, args, patience) => {
      if (procedure.name === "network.defineFlags" && crossed === undefined) {
        crossed = crossing();
        await crossed;
      }
      return call(procedure, args, patience);
    };
    try {
      await redefine(s.host, net, (network) => setText(network, "title", undefined));
      await redefine(s.host, net, (network) =>
        network.getElementsByTagName("bridge").item(0)?.setAttribute("delay", "1"),
      );
    } finally {
      s.host.session.call = call;
    }
    expect(crossed).toBeDefined();
    for (const text of [await xml(), await xml("--inactive")]) {
      expect(allotted(parseXml(text, "n"), mac(1))).toBeUndefined();
      expect(allotted(parseXml(text, "n"), mac(2))).toBeDefined();
    }
    await other.host.close();
  });

  it("are given while the network is stopped, and are nobody's when it is gone or not managed", async () => {
    await create();
    await daemon.virsh("net-destroy", "n");
    await allot(s.host, id, { mac: mac(1), wanted: "10.1.0.9", name: "a" });
    await daemon.virsh("net-start", "n");
    expect(entries(await xml())).toHaveLength(1);
    await release(s.host, id, mac(1));
    await release(s.host, id, mac(1));
    await s.remove(id, wanted);
    await release(s.host, id, mac(1));
    expect(await failure(allot(s.host, id, { mac: mac(1), name: "a" }))).toMatchObject({ code: "not-found" });
    await create({ addressing: "none" });
    expect(await failure(allot(s.host, id, { mac: mac(1), name: "a" }))).toMatchObject({ code: "invalid" });
  });

  it("end with a network that stops managing them", async () => {
    await create();
    await allot(s.host, id, { mac: mac(1), name: "a" });
    const next = s.declare({ ...written, addressing: "none" });
    expect(await s.change(id, wanted, next)).toBe("live");
    for (const text of [await xml(), await xml("--inactive")]) expect(text).not.toContain("dhcp");
  });

  it("work on the test driver", async () => {
    await create();
    const t = side(daemon.uri.replace("qemu:///system", "test:///default"));
    const there = t.declare(written);
    const made = await t.create(there);
    const { address } = await allot(t.host, made.id, { mac: mac(1), name: "a" });
    expect((await allot(t.host, made.id, { mac: mac(1), name: "a" })).address).toBe(address);
    await release(t.host, made.id, mac(1));
    await release(t.host, made.id, mac(1));
    await t.remove(made.id, there);
    await t.host.close();
  });

  describe.skipIf(dhcp !== undefined)(`by DHCP${dhcp === undefined ? "" : ` (${dhcp})`}`, () => {
    /** A client with this MAC on the bridge: what DHCP gives it, or undefined. */
    const client = async (bridge: string, hardware: string): Promise<string | undefined> => {
      const script = `set -e; ip netns add c; trap 'ip netns del c' EXIT
        ip link add v0 address ${hardware} type veth peer name v1; ip link set v1 master ${bridge} up; ip link set v0 netns c
        ip -n c link set v0 up
        printf '#!/bin/sh\\n[ "$1" = bound ] && echo bound $ip\\nexit 0\\n' >/run/lease.sh; chmod 755 /run/lease.sh
        ip netns exec c busybox udhcpc -i v0 -n -q -f -t 12 -T 1 -s /run/lease.sh 2>&1 || true`;
      const said = await daemon.exec(["sh", "-c", script]);
      return /^bound (\S+)/m.exec(said)?.[1];
    };

    it("reach a guest on a network that gave none before, and no other guest", async () => {
      await create({ cidr: "10.1.0.0/29" });
      const { bridgeDevice } = (await s.engine.read(id, wanted))!.outputs;
      const { address } = await allot(s.host, id, { mac: mac(1), name: "a" });
      expect(await client(bridgeDevice!, mac(1))).toBe(address);
      expect(await client(bridgeDevice!, mac(2))).toBeUndefined();
      // Its lease outlives the entry, so that nobody else gets the address meanwhile.
      await release(s.host, id, mac(1));
      const next = await Promise.all(
        Array.from({ length: 4 }, (_, i) => allot(s.host, id, { mac: mac(10 + i), name: `g${i}` })),
      );
      expect(next.map((a) => a.address)).not.toContain(address);
      expect(await failure(allot(s.host, id, { mac: mac(20), name: "late" }))).toMatchObject({ code: "failed" });
    });

    it("follow the guest into another cidr", async () => {
      await create();
      await allot(s.host, id, { mac: mac(1), wanted: "10.1.0.9", name: "a" });
      const next = s.declare({ ...written, cidr: "10.2.0.0/24" });
      await s.change(id, wanted, next);
      wanted = next;
      const { bridgeDevice } = (await s.engine.read(id, wanted))!.outputs;
      expect(await client(bridgeDevice!, mac(1))).toBe("10.2.0.9");
    });
  });
});
