import { describe, expect, it } from "vitest";
import { checkFields } from "../core/check.js";
import type { Kind } from "../core/kind.js";
import { knownPart, UNKNOWN } from "../core/values.js";
import { type KindName, kinds } from "./index.js";

const MAC = "52:54:00:aa:bb:cc";
type Words = Readonly<Record<string, unknown>>;

/** Problems of the first declaration beside the second one, in their normal form. */
function clash(name: KindName, mine: Words, other: Words) {
  const kind: Kind = kinds[name] as never;
  const known = (words: Words) => knownPart(checkFields(kind.properties, words).value) as never;
  return kind.clash?.(known({ name: "a", ...mine }), known({ name: "b", ...other }), 'the resource "b"') ?? [];
}

describe("two resources of one program", () => {
  it.each<[KindName, Words, Words, string, RegExp]>([
    [
      "StoragePool",
      { path: "/a", name: "x" },
      { path: "/b", name: "x" },
      "name",
      /"x" is declared by the resource "b"/,
    ],
    ["StoragePool", { path: "/a" }, { path: "/a" }, "path", /is the directory of the resource "b" too/],
    ["Volume", { name: "x" }, { name: "x" }, "name", /a name of its own/],
    ["Network", { name: "x" }, { name: "x" }, "name", /a name of its own/],
    [
      "Network",
      { cidr: "10.0.0.0/24" },
      { cidr: "10.0.0.128/25" },
      "cidr",
      /overlaps with 10\.0\.0\.128\/25 of the re/,
    ],
    ["Network", { bridge: "br9" }, { bridge: "br9" }, "bridge", /"br9" is the bridge of the resource "b" too/],
    ["VirtualMachine", { name: "x" }, { name: "x" }, "name", /a name of its own/],
    ["VirtualMachine", { disks: [{ volume: "/v" }] }, { disks: [{ path: "/v" }] }, "disks[0]", /both write to it/],
    [
      "VirtualMachine",
      { networks: [{ network: "n", mac: MAC }] },
      { networks: [{ bridge: "b", mac: MAC }] },
      "networks[0].mac",
      /is the MAC of/,
    ],
    [
      "VirtualMachine",
      { networks: [{ network: "n", address: "10.0.0.9" }] },
      { networks: [{ network: "n", address: "10.0.0.9" }] },
      "networks[0].address",
      /an address of/,
    ],
  ])("%s %j beside %j: %s", (name, mine, other, path, reason) => {
    expect(clash(name, mine, other)).toEqual([{ path, reason: expect.stringMatching(reason) }]);
  });

  it.each<[KindName, Words, Words]>([
    ["Volume", { name: "x", pool: "one" }, { name: "x", pool: "two" }],
    ["Volume", { name: "x", pool: UNKNOWN }, { name: "x", pool: UNKNOWN }],
    ["Network", { mode: "bridged", bridge: "br0" }, { mode: "bridged", bridge: "br0" }],
    ["Network", { cidr: "10.0.0.0/25" }, { cidr: "10.0.0.128/25" }],
    ["Network", {}, {}],
    ["VirtualMachine", { disks: [{ volume: "/v", readOnly: true }] }, { disks: [{ volume: "/v", readOnly: true }] }],
    [
      "VirtualMachine",
      { networks: [{ network: "n", address: "10.0.0.9" }] },
      { networks: [{ network: "m", address: "10.0.0.9" }] },
    ],
    [
      "VirtualMachine",
      { networks: [{ network: "n" }], disks: UNKNOWN },
      { networks: [{ network: "n" }], disks: UNKNOWN },
    ],
  ])("%s %j and %j are no clash", (name, mine, other) => {
    expect(clash(name, mine, other)).toEqual([]);
  });
});
