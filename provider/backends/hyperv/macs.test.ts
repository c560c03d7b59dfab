import { expect, test } from "vitest";
import { macOf } from "../macs.js";
import { settledMac } from "./macs.js";

test("MAC addresses", () => {
  expect(macOf("p/s", "web", "nic0")).toMatch(/^52:54(:[0-9a-f]{2}){4}$/);
  expect(macOf("p/s", "web", "nic0")).toBe(macOf("p/s", "web", "nic0"));
  const others = [macOf("p/s", "web", "nic1"), macOf("p/s", "web2", "nic0"), macOf("p/t", "web", "nic0")];
  expect(new Set([macOf("p/s", "web", "nic0"), ...others]).size).toBe(4);
  for (const mac of ["00155D010203", "00-15-5D-01-02-03", "00:15:5d:01:02:03"])
    expect(settledMac(mac)).toBe("00:15:5d:01:02:03");
});
