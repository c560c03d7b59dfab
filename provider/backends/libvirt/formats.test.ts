import { expect, test } from "vitest";
import { check } from "../../core/engine.js";
import { VirtualMachine, Volume } from "../../kinds/index.js";
import { formatIn } from "./formats.js";
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

test.each([
  ["dir", undefined, "qcow2"],
  ["logical", undefined, "raw"],
  ["dir", "raw", "raw"],
] as const)("in a pool of type %s the declared format %s gives %s", (type, declared, format) => {
  expect(formatIn({ type }, declared)).toBe(format);
});
