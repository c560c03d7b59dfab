import { expect, test } from "vitest";
import { nicNames } from "./names.js";
import type { Notes } from "./notes.js";
import type { DeclaredNic } from "./types.js";

const [one, two] = ["52:54:00:00:00:01", "52:54:00:00:00:02"];
const declared = (name: string, mac?: string): DeclaredNic => ({
  name,
  network: "lan",
  model: "virtio",
  connected: true,
  ...(mac === undefined ? {} : { mac }),
});
const noted = (name: string, mac: string): Notes => ({
  owner: "p/s",
  guest: undefined,
  tags: {},
  disks: [],
  nics: [{ name, mac, spelling: undefined, network: undefined, uuid: undefined, allotted: undefined }],
  seed: undefined,
});

test("an adopted machine's interfaces are the declared ones in their order", () => {
  const names = nicNames([one, two], undefined, [declared("lan"), declared("dmz")]);
  expect([...names]).toEqual([
    [one, "lan"],
    [two, "dmz"],
  ]);
});

test("a declared MAC goes before the order", () => {
  const names = nicNames([one, two], undefined, [declared("lan"), declared("dmz", one)]);
  expect(Object.fromEntries(names)).toEqual({ [one]: "dmz", [two]: "lan" });
});

test("what our notes name keeps its name, and nothing else of the machine is taken for a declared interface", () => {
  const names = nicNames([one, two], noted("lan", one), [declared("lan"), declared("dmz")]);
  expect(Object.fromEntries(names)).toEqual({ [one]: "lan", [two]: "nic-525400000002" });
});
