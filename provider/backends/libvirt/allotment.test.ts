import { describe, expect, it } from "vitest";
import { parseCidr, toAddress, toNumber } from "../../kinds/address.js";
import { freeAddress } from "../free-address.js";
import { allotted } from "./allotment.js";
import { allottedEntries } from "./network-mark.js";
import { parseXml } from "./xml.js";

const cidr = parseCidr("10.0.0.0/28")!;
const free = (
  taken: readonly string[],
  more: Partial<Parameters<typeof freeAddress>[0]> = {},
  mac = "52:54:00:00:00:01",
) =>
  freeAddress({ cidr, hostAddress: "10.0.0.1", range: undefined, taken: new Set(taken.map(toNumber)), ...more }, mac);
const all = Array.from({ length: 14 }, (_, i) => toAddress(cidr.network + 1 + i));

describe("a free address", () => {
  it("is always the same for a MAC", () => {
    expect(free([])).toBe(free([]));
  });

  it("is spread by the MAC", () => {
    const macs = Array.from({ length: 200 }, (_, i) => `52:54:00:00:00:${i.toString(16).padStart(2, "0")}`);
    expect(new Set(macs.map((mac) => free([], {}, mac))).size).toBe(13);
  });

  it("is found to the last one, and never the network's, the broadcast's or the host's own", () => {
    const taken: string[] = [];
    for (let next = free(taken); next !== undefined; next = free(taken)) taken.push(next);
    expect(taken.sort()).toEqual(all.filter((a) => a !== "10.0.0.1").sort());
  });

  it.each([
    ["10.0.0.2", "10.0.0.14"],
    ["10.0.0.1", "10.0.0.14"],
  ])("is none where the range from %s to %s is all there is", (start, end) => {
    expect(free([], { range: { start, end } })).toBeUndefined();
  });

  it.each(["10.0.0.2", "10.0.0.8", "10.0.0.14"])(
    "is the only one outside of what is taken and the range: %s",
    (address) => {
      const others = all.filter((a) => a !== address);
      expect(free(others)).toBe(address);
      if (address === "10.0.0.14") expect(free([], { range: { start: "10.0.0.2", end: "10.0.0.13" } })).toBe(address);
      if (address === "10.0.0.2") expect(free([], { range: { start: "10.0.0.3", end: "10.0.0.14" } })).toBe(address);
    },
  );

  it("is found at once in the largest network, behind a range of nearly all of it", () => {
    const large = parseCidr("10.0.0.0/8")!;
    const range = { start: "10.0.0.2", end: "10.255.255.250" };
    expect(freeAddress({ cidr: large, hostAddress: "10.0.0.1", range, taken: new Set() }, "52:54:00:00:00:01")).toBe(
      "10.255.255.251",
    );
  });
});

const network = (addressing: string) =>
  parseXml(
    `<network><metadata><cv:object xmlns:cv="urn:crossvisor:object:1" owner="o" addressing="${addressing}">
      <cv:host mac="52:54:00:00:00:01"/></cv:object></metadata>
      <ip family="ipv6" address="fd00::1" prefix="64"><dhcp><host id="0:1" ip="fd00::2"/></dhcp></ip>
      <ip address="10.0.0.1" netmask="255.255.255.240"><dhcp>
        <host mac="52:54:00:00:00:01" ip="10.0.0.2"/><host mac="52:54:00:00:00:0A" name="a" ip="10.0.0.3"/>
        <host name="nameless" ip="10.0.0.9"/></dhcp></ip></network>`,
    "a network",
  );

describe("what is allotted", () => {
  it("is every entry of a managed network that is not declared", () => {
    expect(allottedEntries(network("managed"))).toEqual([{ mac: "52:54:00:00:00:0a", address: "10.0.0.3", name: "a" }]);
    expect(allottedEntries(network("dhcp"))).toEqual([]);
  });

  it("is found by its MAC", () => {
    expect(allotted(network("managed"), "52:54:00:00:00:0a")).toBe("10.0.0.3");
    expect(allotted(network("managed"), "52:54:00:00:00:0b")).toBeUndefined();
  });
});
