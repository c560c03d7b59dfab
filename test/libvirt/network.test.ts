import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { allot, allotted } from "../../provider/backends/libvirt/allotment.js";
import { inactiveXml, refOf } from "../../provider/backends/libvirt/network-ref.js";
import { events } from "../../provider/backends/libvirt/rpc/procedures/event.js";
import { parseXml } from "../../provider/backends/libvirt/xml.js";
import { UNKNOWN } from "../../provider/core/values.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { failure, type Side, side } from "./network-fixtures.js";

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
  let daemon: LibvirtHost;
  let s: Side;
  const made: { id: string; wanted: ReturnType<Side["declare"]> }[] = [];
  const create = async (written: Readonly<Record<string, unknown>>, by = s) => {
    const wanted = by.declare(written);
    const kept = await by.create(wanted);
    made.push({ id: kept.id, wanted });
    return { id: kept.id, wanted, kept };
  };
  beforeAll(async () => {
    daemon = await startLibvirtd();
    s = side(daemon.uri);
  });
  afterEach(async () => {
    await daemon
      .exec(["sh", "-c", "for d in $(virsh list --name --all); do virsh destroy $d; virsh undefine $d; done"])
      .catch(() => undefined);
    for (const { id, wanted } of made.splice(0)) await s.remove(id, wanted);
  });
  afterAll(async () => {
    await s?.host.close();
    await daemon?.stop();
  });
  const dnsmasq = async (name: string) => (await daemon.exec(["cat", `/run/libvirt/network/${name}.pid`])).trim();
  const ports = async (bridge: string) => (await daemon.exec(["ls", `/sys/class/net/${bridge}/brif`])).trim();
  /** Stops and starts of networks while `act` runs. */
  const restartsDuring = async (act: () => Promise<unknown>) => {
    const seen: number[] = [];
    const off = await s.host.session.on(events.networkLifecycle, ({ event }) => seen.push(event));
    await act();
    await off();
    return seen.filter((e) => e === 2).length;
  };

  it.each(every)("makes $name and reads it back as it was declared", async (written) => {
    s.counts.clear();
    const { id, wanted, kept } = await create(written);
    expect([...s.counts.values()].reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(9);
    expect({ ...kept.inputs, adopt: undefined }).toEqual({ ...wanted, adopt: undefined });
    expect(kept.outputs.active).toBe(true);
    expect((await daemon.virsh("net-info", written.name)).match(/Autostart: +(\w+)/)?.[1]).toBe(
      wanted.autostart ? "yes" : "no",
    );
    // A new process sees the same and has nothing to do.
    const other = side(daemon.uri);
    const read = await other.engine.read(id, wanted);
    expect(other.engine.plan(read?.inputs ?? {}, wanted, await other.engine.observe(id, wanted)).changes).toEqual([]);
    await other.host.close();
    await s.remove(id, wanted);
    made.pop();
    expect(await daemon.virsh("net-list", "--all", "--name")).not.toContain(written.name);
    await s.remove(id, wanted);
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
    const bridge = await daemon.exec(["cat", "/sys/class/net/virbr0/ifindex"]);
    expect(
      await restartsDuring(async () =>
        expect(await s.change(id, wanted, s.declare({ ...full, ...change }))).toBe("live"),
      ),
    ).toBe(0);
    expect(await daemon.exec(["cat", "/sys/class/net/virbr0/ifindex"])).toBe(bridge);
    // What runs is what is defined.
    const inner = (xml: string) =>
      xml.replace(/<metadata>[\s\S]*<\/metadata>|<nat>[\s\S]*<\/nat>/g, "").match(/<(ip|dns)[ >][\s\S]*?<\/\1>/g);
    const sorted = (xml: string) =>
      inner(xml)
        ?.join("\n")
        .split("\n")
        .map((l) => l.trim())
        .sort();
    expect(sorted(await daemon.virsh("net-dumpxml", "full"))).toEqual(
      sorted(await daemon.virsh("net-dumpxml", "--inactive", "full")),
    );
  });

  it("serves what was changed live: the DHCP server's file has it", async () => {
    const { id, wanted } = await create({ name: "n", cidr: "10.1.0.0/24" });
    const file = join(daemon.root, "lib/dnsmasq/n.hostsfile");
    const next = s.declare({ name: "n", cidr: "10.1.0.0/24", dhcp: { hosts: full.dhcp.hosts } });
    await s.change(id, wanted, next);
    expect(await readFile(file, "utf8")).toContain("52:54:00:00:00:02,10.1.0.9,z");
    const pid = await dnsmasq("n");
    await s.change(
      id,
      next,
      s.declare({
        name: "n",
        cidr: "10.1.0.0/24",
        dhcp: { hosts: [{ ...full.dhcp.hosts[0]!, address: "10.1.0.33" }] },
      }),
    );
    expect(await readFile(file, "utf8")).toBe("52:54:00:00:00:02,10.1.0.33,z\n");
    expect(await dnsmasq("n")).toBe(pid);
  });

  const guest = async (network: string) => {
    const xml = `<domain type='qemu'><name>guest</name><memory unit='MiB'>32</memory><os><type arch='x86_64' machine='q35'>hvm</type></os>
      <devices><interface type='network'><mac address='52:54:00:00:01:01'/><source network='${network}'/><model type='virtio'/></interface></devices></domain>`;
    await daemon.exec([
      "sh",
      "-c",
      `printf %s "$1" >/tmp/guest-$$.xml && virsh define /tmp/guest-$$.xml && virsh start guest; s=$?; rm -f /tmp/guest-$$.xml; exit $s`,
      "sh",
      xml,
    ]);
  };

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
      await daemon.virsh("domid", "guest"),
      await daemon.exec(["cat", "/run/libvirt/qemu/guest.pid"]),
    ];
    const defined = await daemon.virsh("dumpxml", "--inactive", "guest");
    const next = s.declare({ ...written, ...change });
    expect(await restartsDuring(async () => expect(await s.change(id, wanted, next)).toBe("restart"))).toBe(1);
    const { outputs } = (await s.engine.read(id, next))!;
    expect(await ports(outputs.bridgeDevice!)).toMatch(/^vnet\d+$/);
    expect(await daemon.virsh("domid", "guest")).toBe(domain);
    expect(await daemon.exec(["cat", "/run/libvirt/qemu/guest.pid"])).toBe(pid);
    expect(await daemon.virsh("dumpxml", "--inactive", "guest")).toBe(defined);
    const live = await daemon.virsh("dumpxml", "guest");
    expect(live).toContain("<source network='n'");
    expect(live).not.toContain("<link state='down'");
    expect(s.said.at(-1)).toContain('"guest"');
    expect(await inactiveXml(s.host, await refOf(s.host, id))).not.toContain("pending");
    await s.change(id, next, wanted);
    expect(await ports((await s.engine.read(id, wanted))!.outputs.bridgeDevice!)).toMatch(/^vnet\d+$/);
  });

  it("plugs in what began with a packet size of the network, and keeps a pulled cable pulled", async () => {
    const written = { name: "n", cidr: "10.1.0.0/24", mtu: 1400 };
    const { id, wanted } = await create(written);
    await guest("n");
    await daemon.virsh("domif-setlink", "guest", "52:54:00:00:01:01", "down");
    await daemon.virsh("suspend", "guest");
    let from = wanted;
    for (const mtu of [1300, undefined, 1500]) {
      const to = s.declare({ ...written, mtu });
      expect(await s.change(id, from, to)).toBe("restart");
      from = to;
      expect(await ports("virbr0")).toMatch(/^vnet\d+$/);
      expect(await daemon.virsh("dumpxml", "guest")).toContain("<link state='down'/>");
    }
    expect(await daemon.virsh("domstate", "guest")).toContain("paused");
  });

  it("moves guests to a host bridge and back", async () => {
    await daemon.exec(["ip", "link", "add", "br-lan", "type", "bridge"]);
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    await guest("n");
    const bridged = s.declare({ name: "n", mode: "bridged", bridge: "br-lan" });
    expect(await s.change(id, wanted, bridged)).toBe("restart");
    expect(await ports("br-lan")).toMatch(/^vnet\d+$/);
    await s.change(id, bridged, wanted);
    const { outputs } = (await s.engine.read(id, wanted))!;
    expect(outputs.bridgeDevice).toMatch(/^virbr/);
    expect(await ports(outputs.bridgeDevice!)).toMatch(/^vnet\d+$/);
    expect(await ports("br-lan")).toBe("");
  });

  it("moves what was allotted into another cidr", async () => {
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    const mac = "52:54:00:00:01:01";
    await allot(s.host, id, { mac, wanted: "10.1.0.77", name: "guest" });
    const next = s.declare({
      name: "n",
      cidr: "10.9.0.0/16",
      dhcp: { hosts: [{ mac: "52:54:00:00:00:01", address: "10.9.0.5" }] },
    });
    await s.change(id, wanted, next);
    expect(allotted(parseXml(await daemon.virsh("net-dumpxml", "n"), "n"), mac)).toBe("10.9.0.77");
  });

  it("runs as before when it cannot start as it is wanted", async () => {
    await daemon.exec(["ip", "link", "add", "lan0", "type", "bridge"]);
    await daemon.exec(["ip", "addr", "add", "10.44.0.1/24", "dev", "lan0"]);
    await daemon.exec(["ip", "link", "set", "lan0", "up"]);
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    await guest("n");
    const taken = s.declare({ name: "n", cidr: "10.44.0.0/24" });
    const error = await failure(s.change(id, wanted, taken));
    expect(error).toMatchObject({ code: "failed", where: { property: "cidr" } });
    expect(error.fact).toMatch(/already in use by interface lan0; the network runs as before/);
    const kept = (await s.engine.read(id, wanted))!;
    expect(kept.inputs.cidr).toBe("10.1.0.0/24");
    expect(await ports(kept.outputs.bridgeDevice!)).toMatch(/^vnet\d+$/);
    // The same at creation leaves nothing.
    expect(await failure(s.create(s.declare({ name: "m", cidr: "10.44.0.0/24" })))).toMatchObject({
      code: "failed",
      where: { property: "cidr" },
    });
    expect(await daemon.virsh("net-list", "--all", "--name")).not.toContain("m\n");
  });

  it("starts a stopped network when it is changed, without a restart", async () => {
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    await daemon.virsh("net-destroy", "n");
    expect((await s.engine.read(id, wanted))?.outputs.active).toBe(false);
    expect(await s.change(id, wanted, s.declare({ ...written, cidr: "10.8.0.0/24" }))).toBe("live");
    expect(await daemon.virsh("net-list", "--name")).toContain("n");
  });

  it("keeps elements that it did not write", async () => {
    const written = { name: "n", cidr: "10.1.0.0/24" };
    const { id, wanted } = await create(written);
    await daemon.virsh("net-destroy", "n");
    const xml = (await daemon.virsh("net-dumpxml", "n"))
      .replace("<forward mode='nat'/>", "<forward mode='nat'><nat><port start='2000' end='3000'/></nat></forward>")
      .replace(/<\/ip>/, "</ip><ip family='ipv6' address='fd00:7::1' prefix='64'/><portgroup name='slow'/>");
    await daemon.exec(["sh", "-c", `printf %s "$1" >/tmp/n.xml && virsh net-define /tmp/n.xml`, "sh", xml]);
    await s.change(id, wanted, s.declare({ ...written, mtu: 1300, description: "x" }));
    const after = await daemon.virsh("net-dumpxml", "n");
    for (const part of ["<port start='2000' end='3000'/>", "fd00:7::1", "<portgroup name='slow'>", "1300"])
      expect(after).toContain(part);
  });

  it("goes on with its own half-made network and refuses a foreign one", async () => {
    const wanted = s.declare({ name: "n", cidr: "10.1.0.0/24", mtu: 1300 });
    const { id } = await s.create(wanted);
    await daemon.virsh("net-destroy", "n");
    await daemon.virsh("net-autostart", "--disable", "n");
    const again = await create({ name: "n", cidr: "10.2.0.0/24", mtu: 1300 });
    expect(again.id).toBe(id);
    expect(again.kept.outputs.active).toBe(true);
    expect(again.kept.inputs.cidr).toBe("10.2.0.0/24");
    const stranger = side(daemon.uri, "other/stack");
    const theirs = stranger.declare({ name: "n", cidr: "10.3.0.0/24" });
    expect(await failure(stranger.create(theirs))).toMatchObject({ code: "exists", where: { property: "name" } });
    expect(await stranger.engine.examine(theirs)).toEqual([expect.objectContaining({ path: "name" })]);
    await stranger.host.close();
  });

  it("adopts a network as it is and changes it only where it is declared otherwise", async () => {
    const xml =
      "<network><name>old</name><forward mode='nat'/><domain name='keep.me'/><ip address='10.5.0.1' netmask='255.255.255.0'><dhcp><range start='10.5.0.2' end='10.5.0.99'/><host mac='52:54:00:00:00:09' ip='10.5.0.100'/></dhcp></ip></network>";
    await daemon.exec([
      "sh",
      "-c",
      `printf %s "$1" >/tmp/o.xml && virsh net-define /tmp/o.xml && virsh net-start old`,
      "sh",
      xml,
    ]);
    const before = await daemon.virsh("net-dumpxml", "--inactive", "old");
    const { id, wanted, kept } = await create({ name: "old", cidr: "10.5.0.0/24", adopt: "old", autostart: false });
    expect(await daemon.virsh("net-dumpxml", "--inactive", "old")).toBe(before);
    expect(kept.inputs).toMatchObject({ mode: "nat", cidr: "10.5.0.0/24" });
    expect(
      await s.change(
        id,
        wanted,
        s.declare({ name: "old", cidr: "10.5.0.0/24", adopt: "old", autostart: false, description: "mine" }),
      ),
    ).toBe("live");
    const after = await daemon.virsh("net-dumpxml", "--inactive", "old");
    for (const part of ["keep.me", "10.5.0.99", "52:54:00:00:00:09", "mine"]) expect(after).toContain(part);
    expect(await failure(s.create(s.declare({ name: "none", mode: "private", adopt: "none" })))).toMatchObject({
      code: "not-found",
    });
  });

  it("does not remove a network that a machine uses", async () => {
    const { id, wanted } = await create({ name: "n", cidr: "10.1.0.0/24" });
    await guest("n");
    const error = await failure(s.remove(id, wanted));
    expect(error).toMatchObject({ code: "busy", fact: 'it is used by "guest"' });
    await daemon.virsh("destroy", "guest");
    expect(await failure(s.remove(id, wanted))).toMatchObject({ code: "busy" });
    expect(await daemon.virsh("net-list", "--name")).toContain("n");
    await daemon.virsh("undefine", "guest");
  });

  it("tells at preview what the host knows to be wrong", async () => {
    const { id } = await create({ name: "n", cidr: "10.1.0.0/24" });
    await allot(s.host, id, { mac: "52:54:00:00:01:01", wanted: "10.1.0.77", name: "guest" });
    const say = async (written: Readonly<Record<string, unknown>>, now?: string) => {
      const fresh = side(daemon.uri);
      const problems = await fresh.engine.examine(fresh.declare(written), now);
      await fresh.host.close();
      return problems.map((p) => `${p.path} ${p.reason}`);
    };
    expect(await say({ name: "m", cidr: "10.0.0.0/8" })).toEqual([
      'cidr overlaps with 10.1.0.0/24 of the network "n": choose another one',
    ]);
    expect(await say({ name: "n", cidr: "10.1.0.0/16" }, id)).toEqual([]);
    expect(await say({ name: "m", mode: "bridged", bridge: "b", mtu: 1400 })).toEqual([expect.stringMatching(/^mtu /)]);
    expect(await say({ name: "m", mode: "isolated" })).toEqual([expect.stringMatching(/^cidr is missing/)]);
    const unknown = { ...s.declare({ name: "n", cidr: "10.1.0.0/24" }), dhcp: { hosts: [UNKNOWN] }, dns: UNKNOWN };
    expect(await s.engine.examine(unknown as never, id)).toEqual([]);
    expect(await say({ name: "m", mode: "private", adopt: "x" })).toEqual([
      'adopt there is no network "x" on the host',
    ]);
    const host = { mac: "52:54:00:00:00:05", address: "10.1.0.77" };
    expect(await say({ name: "n", cidr: "10.1.0.0/24", dhcp: { hosts: [host] } }, id)).toEqual([
      "dhcp.hosts[0].address 10.1.0.77 is allotted to guest (52:54:00:00:01:01): choose another one",
    ]);
    expect(
      await failure(
        s.change(
          id,
          s.declare({ name: "n", cidr: "10.1.0.0/24" }),
          s.declare({ name: "n", cidr: "10.1.0.0/24", dhcp: { hosts: [host] } }),
        ),
      ),
    ).toMatchObject({
      code: "exists",
      where: { property: "dhcp.hosts" },
    });
    expect(await failure(s.create(s.declare({ name: "m", cidr: "10.2.0.0/24", bridge: "virbr0" })))).toMatchObject({
      code: "exists",
      where: { property: "bridge" },
    });
  });

  it("reads many networks with one call each", async () => {
    for (let i = 0; i < 5; i++) await create({ name: `n${i}`, mode: "private" });
    const fresh = side(daemon.uri);
    await Promise.all(made.map(({ id, wanted }) => fresh.engine.read(id, wanted)));
    expect(fresh.counts.get("network.xml")).toBe(5);
    expect(fresh.counts.get("network.list")).toBe(3);
    await fresh.host.close();
  });

  it.each(every)("makes, changes and removes $name on the test driver", async (written) => {
    const t = side(daemon.uri.replace("qemu:///system", "test:///default"));
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
