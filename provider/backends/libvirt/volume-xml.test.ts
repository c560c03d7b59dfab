import { describe, expect, it } from "vitest";
import { formatOf, readVolume, writeVolume } from "./volume-xml.js";

describe("the description of a volume", () => {
  it("takes no space before it is written and is version 3 of qcow2", () => {
    const xml = writeVolume({ name: "v", format: "qcow2", capacity: 1024 });
    expect(xml).toBe(
      '<volume><name>v</name><capacity unit="bytes">1024</capacity><allocation unit="bytes">0</allocation>' +
        '<target><format type="qcow2"/><compat>1.1</compat></target></volume>',
    );
    expect(writeVolume({ name: "v", format: "raw", capacity: 1 })).not.toContain("compat");
  });

  it("names its base with the base's own format", () => {
    const xml = writeVolume({ name: "v", format: "qcow2", capacity: 1, base: { path: "/b&c", format: "raw" } });
    expect(xml).toContain('<backingStore><path>/b&amp;c</path><format type="raw"/></backingStore>');
    expect(readVolume(xml).base).toBe("/b&c");
  });

  it("is read in bytes", () => {
    const xml = `<volume type='file'><name>v</name><key>/k/v</key><capacity unit='GiB'>1</capacity>
      <allocation unit='bytes'>200704</allocation><physical unit='bytes'>196616</physical>
      <target><path>/p/v</path><format type='qcow2'/></target></volume>`;
    expect(readVolume(xml)).toEqual({
      name: "v",
      path: "/p/v",
      format: "qcow2",
      version: 2,
      capacity: 2 ** 30,
      allocation: 200704,
      physical: 196616,
      block: false,
      base: undefined,
    });
  });

  it.each([
    ["qcow2", "qcow2"],
    ["raw", "raw"],
    ["iso", "raw"],
    ["vmdk", "vmdk"],
  ])("calls the format %s %s", (format, name) => expect(formatOf({ format })).toBe(name));
});
