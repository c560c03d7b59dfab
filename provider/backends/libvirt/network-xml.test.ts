import { describe, expect, it } from "vitest";
import { checkFields } from "../../core/check.js";
import { Network } from "../../kinds/network.js";
import { network as driver } from "./network.js";
import { readMark } from "./network-mark.js";
import { modeOf, type NetworkInputs, propertiesOf } from "./network-read.js";
import { EVERY_PART, type Part, partsOf, settle } from "./network-xml.js";
import { find, parseXml, toText } from "./xml.js";

const declare = (written: Readonly<Record<string, unknown>>): NetworkInputs => {
  const { value, problems } = checkFields(Network.properties, { owner: "o", name: "n", ...written });
  expect(problems).toEqual([]);
  return value as NetworkInputs;
};
const from = (inner: string) => parseXml(`<network><name>n</name>${inner}</network>`, "n");
const settled = (
  inner: string,
  written: Readonly<Record<string, unknown>>,
  parts: readonly Part[] = [...EVERY_PART],
) => {
  const root = from(inner);
  settle(root, declare(written), new Set(parts), []);
  return root;
};
const cidr = "10.0.0.0/24";

describe("a network's definition", () => {
  it.each([
    [{ cidr }, "nat"],
    [{ cidr, mode: "routed" }, "routed"],
    [{ cidr, mode: "isolated" }, "isolated"],
    [{ mode: "private" }, "private"],
    [{ mode: "bridged", bridge: "br0" }, "bridged"],
  ])("shows what was declared: %j", (written, mode) => {
    const root = settled("", written);
    expect(modeOf(root)).toBe(mode);
    expect(propertiesOf(root, true)).toMatchObject({ owner: "o", mode, ...written });
  });

  it("escapes what it is given", () => {
    const evil = `"/><evil a='&'>\n </evil>`;
    const text = toText(settled("", { cidr, description: evil }));
    expect(propertiesOf(parseXml(text, "n"), true).description).toBe(evil);
    expect(find(parseXml(text, "n"), "evil")).toBeUndefined();
  });

  it("keeps its chosen bridge, and loses a host's bridge when it is bridged no more", () => {
    const ours = `<bridge name="virbr3" stp="off" delay="7"/>`;
    expect(toText(settled(ours, { cidr, mode: "routed" }, ["mode"]))).toContain(ours);
    expect(find(settled(ours, { cidr }, ["bridge"]), "bridge")?.hasAttribute("name")).toBe(false);
    const lan = `<forward mode="bridge"/><bridge name="br0"/>`;
    expect(find(settled(lan, { cidr }), "bridge")?.hasAttribute("name")).toBe(false);
    const bridged = toText(
      settled(`${ours}<mac address="52:54:00:00:00:01"/><mtu size="1400"/>`, { mode: "bridged", bridge: "br0" }),
    );
    expect(bridged).toContain(`<bridge name="br0"/>`);
    expect(bridged).not.toMatch(/<mac|<mtu|<ip/);
  });

  it("keeps what it does not write, and touches only what changes", () => {
    const inner = `<forward mode="nat" dev="eth0"><nat><port start="1" end="2"/></nat><interface dev="eth0"/></forward>
      <bridge name="b" stp="on" delay="0" zone="z"/><dns><txt name="t" value="v"/><host ip="10.0.0.9"><hostname>h</hostname></host></dns>
      <ip address="10.0.0.1" netmask="255.255.255.0"><tftp root="/t"/><dhcp><range start="10.0.0.5" end="10.0.0.9"/>
      <host mac="52:54:00:00:00:01" ip="10.0.0.2"><lease expiry="1"/></host><host name="x" ip="10.0.0.3"/><bootp file="f"/></dhcp></ip>
      <ip family="ipv6" address="fd00::1" prefix="64"/><portgroup name="p"/>`;
    const untouched = toText(settled(inner, { cidr, description: "x" }, ["description"]));
    for (const part of [
      'zone="z"',
      "<txt",
      "<hostname>h",
      "netmask",
      "<tftp",
      'expiry="1"',
      'name="x"',
      "<bootp",
      "fd00::1",
      "<portgroup",
      'start="10.0.0.5"',
    ])
      expect(untouched).toContain(part);
    const routed = toText(settled(inner, { cidr, mode: "routed" }, ["mode"]));
    expect(routed).toMatch(/<forward mode="route" dev="eth0"><interface dev="eth0"\/><\/forward>/);
    const hosts = [
      { mac: "52:54:00:00:00:07", address: "10.0.0.7" },
      { mac: "52:54:00:00:00:01", address: "10.0.0.2" },
    ];
    const more = toText(settled(inner, { cidr, dhcp: { hosts } }, ["dhcp.hosts"]));
    expect(more).toMatch(/:07".*:01".*expiry="1".*<bootp/s);
  });

  const managed = (extra = "") =>
    `<metadata><cv:object xmlns:cv="urn:crossvisor:object:1" owner="o" addressing="managed"><cv:host mac="52:54:00:00:00:01"/></cv:object></metadata>
     <forward mode="nat"/><ip address="10.0.0.1" prefix="24"><dhcp>${extra}<host mac="52:54:00:00:00:01" ip="10.0.0.2"/>
     <host mac="52:54:00:00:00:09" name="vm" ip="10.0.0.200"/></dhcp></ip>`;

  it("does not show what was allotted, and keeps it", () => {
    expect(propertiesOf(from(managed()), true).dhcp).toEqual({
      range: undefined,
      hosts: [{ mac: "52:54:00:00:00:01", address: "10.0.0.2", name: undefined }],
    });
    const none = settled(managed(), { cidr }, ["dhcp.hosts"]);
    expect(toText(none)).toContain("52:54:00:00:00:09");
    expect(toText(none)).not.toContain("52:54:00:00:00:01");
    expect(
      toText(settled(managed(), { cidr, addressing: "dhcp", dhcp: { range: { start: "10.0.0.5", end: "10.0.0.6" } } })),
    ).not.toContain(":09");
  });

  it("moves what was allotted into another cidr, around what is declared there", () => {
    const moved = (written: Readonly<Record<string, unknown>>) =>
      /:09"[^>]*ip="([^"]*)"/.exec(toText(settled(managed(), written, ["cidr", "dhcp.hosts"])))?.[1];
    expect(moved({ cidr: "10.9.0.0/16" })).toBe("10.9.0.200");
    expect(moved({ cidr: "10.9.0.0/25" })).toMatch(/^10\.9\.0\.\d+$/);
    const taken = moved({
      cidr: "10.9.0.0/24",
      dhcp: { hosts: [{ mac: "52:54:00:00:00:01", address: "10.9.0.200" }] },
    });
    expect(taken).toMatch(/^10\.9\.0\.\d+$/);
    expect(taken).not.toBe("10.9.0.200");
  });

  it("refuses a declared address or name that is allotted", () => {
    for (const host of [{ address: "10.0.0.200" }, { address: "10.0.0.3", name: "vm" }])
      expect(() =>
        settled(managed(), { cidr, dhcp: { hosts: [{ mac: "52:54:00:00:00:05", ...host }] } }, ["dhcp.hosts"]),
      ).toThrow(/is allotted to vm/);
    // The same machine may be declared.
    const own = settled(managed(), { cidr, dhcp: { hosts: [{ mac: "52:54:00:00:00:09", address: "10.0.0.200" }] } });
    expect(readMark(own)?.declared).toEqual(["52:54:00:00:00:09"]);
  });

  it("leaves out what is not yet in effect", () => {
    const root = from("");
    settle(root, declare({ cidr, mtu: 1300, dns: { domain: "d", hosts: [] } }), EVERY_PART, ["mtu", "dns.domain"]);
    const shown = propertiesOf(parseXml(toText(root), "n"), true);
    expect(shown).toMatchObject({ cidr, dns: { hosts: [] } });
    expect(shown).not.toHaveProperty("mtu");
    expect(shown.dns).not.toHaveProperty("domain");
  });
});

describe("changes", () => {
  const change = (property: string, field: string | undefined, before: unknown, after: unknown) => ({
    property,
    ...(field === undefined ? {} : { field }),
    before,
    after,
  });
  it("touch parts of the declaration", () => {
    expect(partsOf([change("mtu", undefined, 1, 2), change("name", undefined, "a", "b")])).toEqual(new Set(["mtu"]));
    expect(partsOf([change("dhcp", "range.start", "a", "b")])).toEqual(new Set(["dhcp.range"]));
    expect(partsOf([change("dns", undefined, { hosts: [] }, undefined)])).toEqual(new Set(["dns.hosts"]));
    expect(partsOf([change("dhcp", undefined, undefined, { range: {}, hosts: [] })])).toEqual(
      new Set(["dhcp.range", "dhcp.hosts"]),
    );
  });

  it("need a restart of a network that runs only where libvirt needs it", () => {
    const verdict = (property: "dns" | "mtu" | "bridge", given: ReturnType<typeof change>, active = true) =>
      driver.effects[property]?.(
        { path: property, effect: "live", secret: false, ...given },
        { id: "i", properties: {}, outputs: { active, host: "h" } },
        declare({ cidr }),
      ).effect;
    expect(verdict("mtu", change("mtu", undefined, 1, 2))).toBe("restart");
    expect(verdict("mtu", change("mtu", undefined, 1, 2), false)).toBe("live");
    expect(verdict("bridge", change("bridge", undefined, "b", undefined))).toBe("restart");
    expect(verdict("bridge", change("bridge", undefined, "b", "c"))).toBe("restart");
    expect(verdict("dns", change("dns", "hosts", [], []))).toBe("live");
    expect(verdict("dns", change("dns", "domain", "a", "b"))).toBe("restart");
    expect(verdict("dns", change("dns", undefined, undefined, { hosts: [] }))).toBe("live");
    expect(verdict("dns", change("dns", undefined, { domain: "a" }, undefined))).toBe("restart");
  });
});
