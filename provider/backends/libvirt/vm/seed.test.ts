import { describe, expect, it } from "vitest";
import { inputsOf, resolved } from "../../../../test/libvirt/machines.js";
import { hostnameOf, seedBytes } from "../../../media/first-boot.js";

describe("a host's name", () => {
  it.each([
    ["web-1", "web-1"],
    ["Web Server_2", "web-server-2"],
    ["a.b.example", "a-b-example"],
    ["--x--", "x"],
    ["Größe", "gr-e"],
    ["漢字", "guest"],
    ["", "guest"],
    ["a".repeat(100), "a".repeat(63)],
    [`${"a".repeat(62)}-b`, "a".repeat(62)],
    [`${"a".repeat(60)}...bcd`, `${"a".repeat(60)}-bc`],
  ])("of %j is %s", (name, hostname) => {
    expect(hostnameOf(name)).toBe(hostname);
  });

  it("is a label of RFC 1123 whatever the machine is called", () => {
    for (const end of ["", "-", "_", ".", "ß", "z"])
      for (let length = 55; length < 70; length++)
        expect(hostnameOf(`${"x".repeat(length)}${end}y-`)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  });
});

describe("the bytes of a seed", () => {
  const bytes = (written: Record<string, unknown>) => {
    const inputs = inputsOf(written);
    return seedBytes("0d3c4cf1-0f4b-5c0e-8d2c-000000000001", inputs, resolved(inputs).nics);
  };
  const text = (written: Record<string, unknown>) => Buffer.from(bytes(written)!).toString("utf8");
  const cloudInit = { userData: "#cloud-config\n" };

  it("are none without first-boot data", () => {
    expect(bytes({})).toBeUndefined();
  });

  it("are the same for the same declaration, and others for another one", () => {
    const one = bytes({ cloudInit, networks: [{ network: "m" }] });
    expect(bytes({ cloudInit, networks: [{ network: "m" }], memory: "64MiB" })).toEqual(one);
    expect(bytes({ cloudInit: { userData: "#!/bin/sh\n" }, networks: [{ network: "m" }] })).not.toEqual(one);
    expect(bytes({ cloudInit, networks: [{ network: "default" }] })).not.toEqual(one);
  });

  it("carry identity, name, addresses and what was declared in their place", () => {
    const all = text({ cloudInit, name: "Web_1", networks: [{ network: "m", address: "10.0.0.77" }] });
    for (const part of ["0d3c4cf1-0f4b-5c0e-8d2c-000000000001", "web-1", "10.0.0.77/24", "10.0.0.1", "#cloud-config"])
      expect(all).toContain(part);
    const own = text({
      cloudInit: { ...cloudInit, networkConfig: "version: 2\n# mine\n", metaData: "local-hostname: other\n" },
    });
    expect(own).toContain("# mine");
    expect(own).toContain("local-hostname: other");
    expect(own).not.toContain("macaddress");
  });

  it("are written without user data, too", () => {
    expect(text({ cloudInit: { metaData: "a: b\n" } })).toContain("a: b");
  });
});
