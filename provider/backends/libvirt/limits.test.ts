import { expect, test } from "vitest";
import { check } from "../../core/engine.js";
import { Network, VirtualMachine, Volume } from "../../kinds/index.js";
import { formatIn } from "./formats.js";
import { network } from "./network.js";
import { virtualMachine } from "./virtual-machine.js";
import { volume } from "./volume.js";

test("a format of other hosts is refused at its place", () => {
  const disks = [
    { name: "a", path: "/a", format: "raw" },
    { name: "b", path: "/b", format: "vhdx" },
  ];
  const reason = 'must be "qcow2" or "raw" on this host, not "vhdx": leave it out for the host\'s own format';
  expect(check(Volume, volume, { name: "v", size: "1GiB", format: "vhdx" }).problems).toEqual([
    { path: "format", reason },
  ]);
  expect(check(VirtualMachine, virtualMachine, { name: "m", disks }).problems).toEqual([
    { path: "disks[1].format", reason },
  ]);
});

test("what this host's networks cannot be is refused at its place", () => {
  const networks = [{ name: "lan", network: "n", vlan: 7 }];
  expect(check(VirtualMachine, virtualMachine, { name: "m", networks }).problems).toMatchObject([
    { path: "networks[0].vlan", reason: expect.stringContaining("its bridges tag nothing") },
  ]);
  const bridged = (bridge: string) => check(Network, network, { name: "n", mode: "bridged", bridge }).problems;
  expect(bridged("br0.100")).toEqual([]);
  for (const bridge of ["Ethernet 2", "a-name-that-is-too-long"])
    expect(bridged(bridge)).toEqual([
      { path: "bridge", reason: "must be an interface name of 1 to 15 letters, digits, _ . -" },
    ]);
});

test.each([
  ["dir", {}, "qcow2"],
  ["dir", { provisioning: "thick" }, "raw"],
  ["logical", {}, "raw"],
  ["dir", { format: "raw" }, "raw"],
] as const)("in a pool of type %s the declaration %j gives the format %s", (type, declared, format) => {
  expect(formatIn({ type }, declared)).toBe(format);
});
