import { describe, expect, it } from "vitest";
import { type Addresses, chosen, type Wait } from "./addresses.js";

const ADDRESSES: Addresses = {
  lan: ["169.254.1.1", "127.0.0.1", "10.0.0.5", "10.1.0.5"],
  v6: ["fe80::1", "::1", "fd00::5"],
  dmz: ["192.0.2.7"],
  empty: [],
};

describe("the chosen address", () => {
  it.each([
    ["the first that is not local to the guest", undefined, "10.0.0.5"],
    ["the first of IPv4", { family: "ipv4" }, "10.0.0.5"],
    ["the first of IPv6", { family: "ipv6" }, "fd00::5"],
    ["the first of any family", { family: "any" }, "10.0.0.5"],
    ["of the interface", { family: "ipv4", nic: "dmz" }, "192.0.2.7"],
    ["of the interface, in any family", { family: "any", nic: "v6" }, "fd00::5"],
    ["none of an interface without the family", { family: "ipv4", nic: "v6" }, undefined],
    ["none of an interface without addresses", { family: "any", nic: "empty" }, undefined],
    ["none of an interface that is not there", { family: "any", nic: "other" }, undefined],
    ["inside the network", { family: "ipv4", cidr: "10.1.0.0/16" }, "10.1.0.5"],
    ["inside the network of the other family", { family: "any", cidr: "fd00::/8" }, "fd00::5"],
    ["none when family and network contradict", { family: "ipv4", cidr: "fd00::/8" }, undefined],
    ["none outside of the network", { family: "any", cidr: "172.16.0.0/12" }, undefined],
    ["never a link-local one, even inside the network", { family: "any", cidr: "169.254.0.0/16" }, undefined],
    ["never a link-local one of IPv6", { family: "ipv6", cidr: "fe80::/10" }, undefined],
    ["all that fit: interface, family and network", { family: "ipv4", nic: "lan", cidr: "10.1.0.0/24" }, "10.1.0.5"],
  ] as const)("is %s", (_word, wait, address) => {
    expect(chosen(ADDRESSES, wait && ({ timeout: 1, ...wait } as Wait))).toBe(address);
  });

  it("is none without any", () => {
    expect(chosen({}, undefined)).toBeUndefined();
  });
});
