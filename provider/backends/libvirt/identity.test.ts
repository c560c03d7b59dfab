import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { macOf } from "../macs.js";
import { isUuid, uuidOf } from "./identity.js";

describe("the UUID of an object", () => {
  it.each([
    [["VirtualMachine", "project/stack", "web"], "f281faae-38fb-5fee-bedd-1e62d10ddc7d"],
    [["Network", "project/stack", "web"], "0108b865-3267-5da5-a9c4-2141051d7b93"],
    [["VirtualMachine", "", "web"], "f65d3971-90eb-5727-aded-d8f7eb138c1c"],
    [["VirtualMachine", "projekt/größe", "漢字"], "047b05ec-a94c-5a19-966b-992865d3de6d"],
  ] as const)("of %j never changes", ([kind, owner, name], uuid) => {
    expect(uuidOf(kind, owner, name)).toBe(uuid);
  });

  it("is a name-based one by RFC 9562, section 5.5: version 5, variant 10, the rest from SHA-1", () => {
    const root = Buffer.from("6f1b0e7c5d8e4f0aa2f39c1d7be84c55", "hex");
    for (let i = 0; i < 200; i++) {
      const uuid = uuidOf("Network", "o", `n${i}`);
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const name = JSON.stringify(["Network", "o", `n${i}`]);
      const hash = createHash("sha1").update(root).update(name).digest("hex");
      const bare = uuid.replaceAll("-", "");
      expect([bare.slice(0, 12), bare.slice(13, 16), bare.slice(17)]).toEqual([
        hash.slice(0, 12),
        hash.slice(13, 16),
        hash.slice(17, 32),
      ]);
    }
  });

  it("keeps kind, owner and name apart", () => {
    const all = [
      uuidOf("a", "b", "c"),
      uuidOf("ab", "", "c"),
      uuidOf("a", "bc", ""),
      uuidOf("a", 'b","c', ""),
      uuidOf("a", "c", "b"),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});

describe("the MAC of an interface", () => {
  it("never changes", () => {
    expect(macOf("0d3c4cf1-0f4b-5c0e-8d2c-000000000001", "nic0")).toBe("52:54:1f:69:23:19");
  });

  it("is local (second bit of the first octet) and unicast (first bit), and differs by machine and interface", () => {
    const macs = new Set<string>();
    for (let machine = 0; machine < 40; machine++)
      for (let nic = 0; nic < 5; nic++) {
        const mac = macOf(uuidOf("VirtualMachine", "o", `m${machine}`), `nic${nic}`);
        expect(mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
        expect(Number.parseInt(mac.slice(0, 2), 16) & 0b11).toBe(0b10);
        macs.add(mac);
      }
    expect(macs.size).toBe(200);
  });
});

it.each([
  ["6f1b0e7c-5d8e-4f0a-a2f3-9c1d7be84c55", true],
  ["6F1B0E7C-5D8E-4F0A-A2F3-9C1D7BE84C55", true],
  ["6f1b0e7c5d8e4f0aa2f39c1d7be84c55", false],
  ["6f1b0e7c-5d8e-4f0a-a2f3-9c1d7be84c5", false],
  ["x6f1b0e7c-5d8e-4f0a-a2f3-9c1d7be84c55", false],
  ["default", false],
  ["", false],
])("%j is a UUID: %s", (text, is) => {
  expect(isUuid(text)).toBe(is);
});
