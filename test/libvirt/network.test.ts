import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allot, allotted } from "../../provider/backends/libvirt/allotment.js";
import { parseXml } from "../../provider/backends/libvirt/xml.js";
import { UNKNOWN } from "../../provider/core/values.js";
import { requirements } from "../hosts/libvirtd.js";
import { failure, side } from "./network-fixtures.js";
import { useNetworkLab } from "./network-lab.js";

const reason = requirements();

const full = {
  name: "full",
  cidr: "10.1.0.0/24",
  description: ' one\n  two <three> & "four" ',
  mtu: 1400,
  dns: { domain: "x.test", hosts: [{ address: "10.1.0.7", names: ["b", "a"] }] },
  dhcp: {
    range: { start: "10.1.0.100", end: "10.1.0.120" },
    hosts: [
      { mac: "52:54:00:00:00:02", address: "10.1.0.9", name: "z" },
      { mac: "52:54:00:00:00:01", address: "10.1.0.8" },
    ],
  },
};

const every = [
  full,
  {
    name: "routed",
    mode: "routed",
    cidr: "10.2.0.0/16",
    addressing: "dhcp",
    dhcp: { range: { start: "10.2.0.2", end: "10.2.9.9" } },
  },
  { name: "isolated", mode: "isolated", cidr: "10.3.0.0/30", addressing: "none", autostart: false },
  { name: "private", mode: "private", bridge: "cvbr9" },
  { name: "bridged", mode: "bridged", bridge: "brx" },
  { name: "ä ö", cidr: "10.6.0.0/24", dhcp: {}, dns: {}, description: "" },
];

describe.skipIf(reason !== undefined)(`networks of a libvirt host${reason === undefined ? "" : ` (${reason})`}`, () => {
  const { lab, create, define, dnsmasq, guest, made, restartsDuring } = useNetworkLab();
  it.each(every)("makes $name and reads it back as it was declared", async (written) => {
    lab.s.counts.clear();
    const { id, wanted, kept } = await create(written);
    // Three for the list of networks, which the range of addresses is compared with.
    expect([...lab.s.counts.values()].reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(12);
    expect({ ...kept.inputs, adopt: undefined }).toEqual({ ...wanted, adopt: undefined });
    expect(kept.outputs.active).toBe(true);
    expect((await lab.daemon.virsh("net-info", written.name)).match(/Autostart: +(\w+)/)?.[1]).toBe(
      wanted.autostart ? "yes" : "no",
    );
    // A new process sees the same and has nothing to do.
    const other = side(lab.daemon.uri);
    const read = await other.engine.read(id, wanted);
    expect(other.engine.plan(read?.inputs ?? {}, wanted, await other.engine.observe(id, wanted)).changes).toEqual([]);
    await other.host.close();
    await lab.s.remove(id, wanted);
    made.pop();
    expect(await lab.daemon.virsh("net-list", "--all", "--name")).not.toContain(written.name);
    await lab.s.remove(id, wanted);
  });

  it.each([
    [
      "a host more and another order",
      {
        dhcp: {
          ...full.dhcp,
          hosts: [{ mac: "52:54:00:00:00:03", address: "10.1.0.10" }, full.dhcp.hosts[1], full.dhcp.hosts[0]],
        },
      },
    ],
    [
      "two hosts that swap addresses",
      {
        dhcp: {
          ...full.dhcp,
          hosts: [
            { mac: "52:54:00:00:00:02", address: "10.1.0.8", name: "y" },
            { mac: "52:54:00:00:00:01", address: "10.1.0.9", name: "z" },
          ],
        },
      },
    ],
    ["no hosts", { dhcp: { range: full.dhcp.range } }],
    ["another range", { dhcp: { ...full.dhcp, range: { start: "10.1.0.50", end: "10.1.0.110" } } }],
    ["no DHCP of its own", { dhcp: undefined }],
    [
      "other DNS names",
      {
        dns: {
          domain: "x.test",
          hosts: [
            { address: "10.1.0.8", names: ["c"] },
            { address: "10.1.0.7", names: ["a"] },
          ],
        },
      },
    ],
    ["no DNS names", { dns: { domain: "x.test" } }],
    ["addressing without DHCP", { addressing: "none", dhcp: undefined }],
    ["addressing by the server", { addressing: "dhcp" }],
    ["another description", { description: "other" }],
    ["no description", { description: undefined }],
    ["no autostart", { autostart: false }],
  ])("changes to %s live", async (_what, change) => {
    const { id, wanted } = await create(full);
    const bridge = await lab.daemon.exec(["cat", "/sys/class/net/virbr0/ifindex"]);
    expect(
      await restartsDuring(async () =>
        expect(await lab.s.change(id, wanted, lab.s.declare({ ...full, ...change }))).toBe("live"),
      ),
    ).toBe(0);
    expect(await lab.daemon.exec(["cat", "/sys/class/net/virbr0/ifindex"])).toBe(bridge);
    // What runs is what is defined.
    const inner = (xml: string) =>
      xml.replace(/<metadata>[\s\S]*<\/metadata>|<nat>[\s\S]*<\/nat>/g, "").match(/<(ip|dns)[ >][\s\S]*?<\/\1>/g);
    const sorted = (xml: string) =>
      inner(xml)
        ?.join("\n")
        .split("\n")
        .map((l) => l.trim())
        .sort();
    expect(sorted(await lab.daemon.virsh("net-dumpxml", "full"))).toEqual(
      sorted(await lab.daemon.virsh("net-dumpxml", "--inactive", "full")),
    );
  });

  it("serves what was changed live: the DHCP server's file has it", async () => {
    const { id, wanted } = await create({ name: "n", cidr: "10.1.0.0/24" });
    const file = join(lab.daemon.root, "lib/dnsmasq/n.hostsfile");
    const next = lab.s.declare({ name: "n", cidr: "10.1.0.0/24", dhcp: { hosts: full.dhcp.hosts } });
    await lab.s.change(id, wanted, next);
    expect(await readFile(file, "utf8")).toContain("52:54:00:00:00:02,10.1.0.9,z");
    const pid = await dnsmasq("n");
    await lab.s.change(
      id,
      next,
      lab.s.declare({
        name: "n",
        cidr: "10.1.0.0/24",
        dhcp: { hosts: [{ ...full.dhcp.hosts[0]!, address: "10.1.0.33" }] },
      }),
    );
    expect(await readFile(file, "utf8")).toBe("52:54:00:00:00:02,10.1.0.33,z\n");
    expect(await dnsmasq("n")).toBe(pid);
  });

  it("moves what was allotted into another cidr", async () => {
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    const mac = "52:54:00:00:01:01";
    await allot(lab.s.host, id, { mac, wanted: "10.1.0.77", name: "guest" });
    const next = lab.s.declare({
      name: "n",
      cidr: "10.9.0.0/16",
      dhcp: { hosts: [{ mac: "52:54:00:00:00:01", address: "10.9.0.5" }] },
    });
    await lab.s.change(id, wanted, next);
    expect(allotted(parseXml(await lab.daemon.virsh("net-dumpxml", "n"), "n"), mac)).toBe("10.9.0.77");
  });

  it("starts a stopped network when it is changed, without a restart", async () => {
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    await lab.daemon.virsh("net-destroy", "n");
    expect((await lab.s.engine.read(id, wanted))?.outputs.active).toBe(false);
    expect(await lab.s.change(id, wanted, lab.s.declare({ ...written, cidr: "10.8.0.0/24" }))).toBe("live");
    expect(await lab.daemon.virsh("net-list", "--name")).toContain("n");
  });

  it("keeps elements that it did not write", async () => {
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    await lab.daemon.virsh("net-destroy", "n");
    const xml = (await lab.daemon.virsh("net-dumpxml", "n"))
      .replace("<forward mode='nat'/>", "<forward mode='nat'><nat><port start='2000' end='3000'/></nat></forward>")
      .replace(/<\/ip>/, "</ip><ip family='ipv6' address='fd00:7::1' prefix='64'/><portgroup name='slow'/>");
    await define("net-define", xml);
    await lab.s.change(id, wanted, lab.s.declare({ ...written, mtu: 1300, description: "x" }));
    const after = await lab.daemon.virsh("net-dumpxml", "n");
    for (const part of ["<port start='2000' end='3000'/>", "fd00:7::1", "<portgroup name='slow'>", "1300"])
      expect(after).toContain(part);
  });

  it("goes on with its own half-made network and refuses a foreign one", async () => {
    const wanted = lab.s.declare({ name: "n", cidr: "10.1.0.0/24", mtu: 1300 });
    const { id } = await lab.s.create(wanted);
    await lab.daemon.virsh("net-destroy", "n");
    await lab.daemon.virsh("net-autostart", "--disable", "n");
    const again = await create({ name: "n", cidr: "10.2.0.0/24", mtu: 1300 });
    expect(again.id).toBe(id);
    expect(again.kept.outputs.active).toBe(true);
    expect(again.kept.inputs.cidr).toBe("10.2.0.0/24");
    const stranger = side(lab.daemon.uri, "other/stack");
    const theirs = stranger.declare({ name: "n", cidr: "10.3.0.0/24" });
    expect(await failure(stranger.create(theirs))).toMatchObject({ code: "exists", where: { property: "name" } });
    expect(await stranger.engine.examine(theirs)).toEqual([expect.objectContaining({ path: "name" })]);
    await stranger.host.close();
  });

  it("adopts a network as it is and changes it only where it is declared otherwise", async () => {
    const xml =
      "<network><name>old</name><forward mode='nat'/><domain name='keep.me'/><ip address='10.5.0.1' netmask='255.255.255.0'><dhcp><range start='10.5.0.2' end='10.5.0.99'/><host mac='52:54:00:00:00:09' ip='10.5.0.100'/></dhcp></ip></network>";
    await define("net-define", xml);
    await lab.daemon.virsh("net-start", "old");
    const before = await lab.daemon.virsh("net-dumpxml", "--inactive", "old");
    const { id, wanted, kept } = await create({ name: "old", cidr: "10.5.0.0/24", adopt: "old", autostart: false });
    const marked = await lab.daemon.virsh("net-dumpxml", "--inactive", "old");
    expect(marked).toContain("<metadata>");
    expect(marked.replace(/ *<metadata>.*<\/metadata>\n/s, "")).toBe(before);
    expect(kept.inputs).toMatchObject({ mode: "nat", cidr: "10.5.0.0/24" });
    expect(
      await lab.s.change(
        id,
        wanted,
        lab.s.declare({ name: "old", cidr: "10.5.0.0/24", adopt: "old", autostart: false, description: "mine" }),
      ),
    ).toBe("live");
    const after = await lab.daemon.virsh("net-dumpxml", "--inactive", "old");
    for (const part of ["keep.me", "10.5.0.99", "52:54:00:00:00:09", "mine"]) expect(after).toContain(part);
    expect(await failure(lab.s.create(lab.s.declare({ name: "none", mode: "private", adopt: "none" })))).toMatchObject({
      code: "not-found",
    });
  });

  it("does not remove a network that a machine uses", async () => {
    const { id, wanted } = await create({ name: "n", cidr: "10.1.0.0/24" });
    await guest("n");
    const error = await failure(lab.s.remove(id, wanted));
    expect(error).toMatchObject({ code: "busy", fact: 'it is used by "guest"' });
    await lab.daemon.virsh("destroy", "guest");
    expect(await failure(lab.s.remove(id, wanted))).toMatchObject({ code: "busy" });
    expect(await lab.daemon.virsh("net-list", "--name")).toContain("n");
    await lab.daemon.virsh("undefine", "guest");
  });

  it("tells at preview what the host knows to be wrong", async () => {
    const { id } = await create({ name: "n", cidr: "10.1.0.0/24" });
    await allot(lab.s.host, id, { mac: "52:54:00:00:01:01", wanted: "10.1.0.77", name: "guest" });
    const say = async (written: Readonly<Record<string, unknown>>, now?: string) => {
      const fresh = side(lab.daemon.uri);
      const problems = await fresh.engine.examine(fresh.declare(written), now);
      await fresh.host.close();
      return problems.map((p) => `${p.path} ${p.reason}`);
    };
    expect(await say({ name: "m", cidr: "10.0.0.0/8" })).toEqual([
      'cidr overlaps with 10.1.0.0/24 of the network "n": choose another one',
    ]);
    expect(await say({ name: "n", cidr: "10.1.0.0/16" }, id)).toEqual([]);
    const unknown = { ...lab.s.declare({ name: "n", cidr: "10.1.0.0/24" }), dhcp: { hosts: [UNKNOWN] }, dns: UNKNOWN };
    expect(await lab.s.engine.examine(unknown as never, id)).toEqual([]);
    expect(await say({ name: "m", mode: "private", adopt: "x" })).toEqual([
      'adopt there is no network "x" on the host',
    ]);
    const host = { mac: "52:54:00:00:00:05", address: "10.1.0.77" };
    expect(await say({ name: "n", cidr: "10.1.0.0/24", dhcp: { hosts: [host] } }, id)).toEqual([
      "dhcp.hosts[0].address 10.1.0.77 is allotted to guest (52:54:00:00:01:01): choose another one",
    ]);
    expect(
      await failure(
        lab.s.change(
          id,
          lab.s.declare({ name: "n", cidr: "10.1.0.0/24" }),
          lab.s.declare({ name: "n", cidr: "10.1.0.0/24", dhcp: { hosts: [host] } }),
        ),
      ),
    ).toMatchObject({
      code: "exists",
      where: { property: "dhcp.hosts" },
    });
    expect(
      await failure(lab.s.create(lab.s.declare({ name: "m", cidr: "10.2.0.0/24", bridge: "virbr0" }))),
    ).toMatchObject({
      code: "exists",
      where: { property: "bridge" },
    });
  });

  it("reads many networks with one call each", async () => {
    for (let i = 0; i < 5; i++) await create({ name: `n${i}`, mode: "private" });
    const fresh = side(lab.daemon.uri);
    await Promise.all(made.map(({ id, wanted }) => fresh.engine.read(id, wanted)));
    expect(fresh.counts.get("network.xml")).toBe(5);
    expect(fresh.counts.get("network.list")).toBe(3);
    await fresh.host.close();
  });

  it.each(every)("makes, changes and removes $name on the test driver", async (written) => {
    const t = side(lab.daemon.uri.replace("qemu:///system", "test:///default"));
    const wanted = t.declare(written);
    const { id } = await t.create(wanted);
    await t.change(id, wanted, t.declare({ ...written, description: "new", autostart: false }));
    if ("cidr" in written)
      await t.change(
        id,
        t.declare({ ...written, description: "new" }),
        t.declare({
          ...written,
          dns: { hosts: [{ address: written.cidr!.replace("0/", "2/").split("/")[0]!, names: ["q"] }] },
        }),
      );
    await t.remove(id, wanted);
    expect(await t.engine.read(id, wanted)).toBeUndefined();
    await t.host.close();
  });
});
