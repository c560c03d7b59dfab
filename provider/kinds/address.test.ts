import { describe, expect, test } from "vitest";
import {
  checkCidr,
  checkCidr4,
  checkIPv4,
  checkMac,
  cidrText,
  gatewayOf,
  hasGuest,
  isLocalOnly,
  netmaskOf,
  overlaps,
  parseCidr,
  toAddress,
  toNumber,
  within,
} from "./address.js";

const cidr = (text: string) => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no cidr`);
  return parsed;
};

test.each(["0.0.0.0", "10.1.2.3", "127.255.255.255", "128.0.0.0", "255.255.255.255"])("%s is a number and back", (a) =>
  expect(toAddress(toNumber(a))).toBe(a),
);

describe("networks", () => {
  test.each([
    ["192.168.50.7/24", "192.168.50.0/24", "192.168.50.1", "255.255.255.0"],
    ["10.0.0.0/8", "10.0.0.0/8", "10.0.0.1", "255.0.0.0"],
    ["255.255.255.253/30", "255.255.255.252/30", "255.255.255.253", "255.255.255.252"],
    ["172.16.130.1/17", "172.16.128.0/17", "172.16.128.1", "255.255.128.0"],
  ])("%s is %s, gateway %s, netmask %s", (written, text, gateway, netmask) => {
    expect([cidrText(cidr(written)), gatewayOf(cidr(written)), netmaskOf(cidr(written))]).toEqual([
      text,
      gateway,
      netmask,
    ]);
  });

  test.each([
    "",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/7",
    "10.0.0.0/31",
    "10.0.0.0/24/1",
    "10.0.0/24",
    "10.0.0.256/24",
    "10.0.0.0/2x",
    "10.0.0.0/ 24",
    "fd00::/8",
  ])("%s is none", (written) => {
    expect(parseCidr(written)).toBe(undefined);
    expect(checkCidr4(written)).toMatch(/^must be an IPv4 network such as/);
  });

  test("must be spelled by their first address", () => {
    expect(checkCidr4("10.0.0.1/24")).toBe('must name the network itself: "10.0.0.0/24", not "10.0.0.1/24"');
    expect(checkCidr4("10.0.0.0/24")).toBe(undefined);
  });

  test.each([
    ["10.0.0.0/24", "10.0.0.0/24", true],
    ["10.0.0.0/24", "10.0.0.128/25", true],
    ["10.0.0.0/25", "10.0.0.128/25", false],
    ["10.0.0.0/8", "10.255.255.252/30", true],
    ["10.0.1.0/24", "10.0.0.0/24", false],
  ])("%s and %s overlap: %s", (a, b, yes) => {
    expect([overlaps(cidr(a), cidr(b)), overlaps(cidr(b), cidr(a))]).toEqual([yes, yes]);
  });

  test.each([
    ["10.0.0.0", false],
    ["10.0.0.1", true],
    ["10.0.0.254", true],
    ["10.0.0.255", false],
    ["10.0.1.1", false],
    ["9.255.255.255", false],
    ["guest", false],
  ])("a guest of 10.0.0.0/24 may have %s: %s", (address, yes) =>
    expect(hasGuest(cidr("10.0.0.0/24"), address)).toBe(yes),
  );
});

test.each([
  ["10.1.2.3", "10.0.0.0/8", true],
  ["11.1.2.3", "10.0.0.0/8", false],
  ["10.1.2.3", "0.0.0.0/0", true],
  ["fd00::1", "fd00::/8", true],
  ["fe00::1", "fd00::/8", false],
  ["fd12:3456::ab", "fd12:3456:0:0::/64", true],
  ["fd12:3456:0:1::ab", "fd12:3456:0:0::/64", false],
  ["10.1.2.3", "fd00::/8", false],
  ["fd00::1", "10.0.0.0/8", false],
  ["guest", "10.0.0.0/8", false],
  ["::ffff:10.1.2.3", "::ffff:10.0.0.0/104", true],
])("%s is within %s: %s", (address, network, yes) => expect(within(address, network)).toBe(yes));

test.each([
  ["127.0.0.1", true],
  ["169.254.1.1", true],
  ["0.0.0.0", true],
  ["10.0.0.1", false],
  ["::1", true],
  ["::", true],
  ["fe80::1", true],
  ["febf::1", true],
  ["fec0::1", false],
  ["fd00::1", false],
])("%s is local to the guest: %s", (address, yes) => expect(isLocalOnly(address)).toBe(yes));

test.each([
  [checkCidr, "10.0.0.0/8", undefined],
  [checkCidr, "0.0.0.0/0", undefined],
  [checkCidr, "fd00::/128", undefined],
  [checkCidr, "10.0.0.0/33", /^must be a network such as/],
  [checkCidr, "10.0.0.0", /^must be a network such as/],
  [checkCidr, "fd00::/129", /^must be a network such as/],
  [checkCidr, "x/0", /^must be a network such as/],
  [checkIPv4, "10.0.0.1", undefined],
  [checkIPv4, "10.0.0", /^must be an IPv4 address such as/],
  [checkIPv4, "::1", /^must be an IPv4 address such as/],
  [checkMac, "52:54:00:12:34:56", undefined],
  [checkMac, "52:54:00:12:34:5G", /^must be six lower-case hexadecimal pairs/],
  [checkMac, "52:54:00:AA:34:56", /^must be six lower-case hexadecimal pairs/],
  [checkMac, "52-54-00-12-34-56", /^must be six lower-case hexadecimal pairs/],
  [checkMac, "53:54:00:12:34:56", /is multicast$/],
])("%o of %s", (check, value, reason) => {
  if (reason === undefined) expect(check(value)).toBe(undefined);
  else expect(check(value)).toMatch(reason);
});
