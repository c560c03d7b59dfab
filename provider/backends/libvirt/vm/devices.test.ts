import { describe, expect, it } from "vitest";
import { HOSTILE } from "../../../../test/libvirt/machines.js";
import { attribute, attributeAt, find, parseXml, textAt, write } from "../xml.js";
import { cdTree, diskTree, freeTarget, nicTree } from "./devices.js";

describe("the next free device name", () => {
  const many = (bus: "virtio" | "scsi" | "sata", count: number) => {
    const taken = new Set<string>();
    for (let i = 0; i < count; i++) taken.add(freeTarget(bus, taken));
    return [...taken];
  };

  it("goes on behind z as the kernel does", () => {
    const names = many("virtio", 26 + 26 * 26 + 2);
    expect(names.slice(0, 2)).toEqual(["vda", "vdb"]);
    expect(names.slice(24, 29)).toEqual(["vdy", "vdz", "vdaa", "vdab", "vdac"]);
    expect(names.slice(-3)).toEqual(["vdzz", "vdaaa", "vdaab"]);
  });

  it("leaves the two drives for CDs alone, and is shared by SCSI and SATA", () => {
    expect(many("scsi", 26)).toEqual(expect.arrayContaining(["sdc", "sdz", "sdaa", "sdab"]));
    expect(many("scsi", 26)).not.toContain("sda");
    expect(many("sata", 1)).toEqual(["sdc"]);
    expect(freeTarget("sata", new Set(["sdc"]))).toBe("sdd");
  });

  it("is the first gap", () => {
    expect(freeTarget("virtio", new Set(["vda", "vdc", "sdb"]))).toBe("vdb");
  });
});

describe("a device", () => {
  const disk = { name: "data", path: "/p", format: "raw", bus: "virtio", readOnly: false, target: "vda" } as const;
  const read = (tree: Parameters<typeof write>[0]) => parseXml(write(tree), "the device");

  it("is a file, or a block device where its path is one", () => {
    const file = read(diskTree({ ...disk, path: `/p/${HOSTILE}` }));
    expect([attribute(file, "type"), attributeAt(file, "source", "file")]).toEqual(["file", `/p/${HOSTILE}`]);
    const block = read(diskTree({ ...disk, path: "/dev/x", readOnly: true }, 3));
    expect([attribute(block, "type"), attributeAt(block, "source", "dev")]).toEqual(["block", "/dev/x"]);
    expect(find(block, "readonly")).toBeDefined();
    expect(attributeAt(block, "boot", "order")).toBe("3");
    expect([textAt(file, "serial"), find(file, "boot"), find(file, "readonly")]).toEqual([
      "data",
      undefined,
      undefined,
    ]);
  });

  it("is a drive that every Linux sees, or Windows, with a medium or without", () => {
    expect(attributeAt(read(cdTree("sda", "/a", "debian12")), "target", "bus")).toBe("scsi");
    expect(attributeAt(read(cdTree("sda", undefined, "WIN11")), "target", "bus")).toBe("sata");
    expect(find(read(cdTree("sdb", undefined, undefined)), "source")).toBeUndefined();
  });

  it("is an interface on a network or a bridge, with its cable in or out", () => {
    const nic = { name: "n", mac: "52:54:00:00:00:01", spelling: "s", model: "e1000e", connected: false } as const;
    const one = read(nicTree({ ...nic, source: { network: HOSTILE.replace("\n", ""), uuid: "u" } }));
    expect([attribute(one, "type"), attributeAt(one, "link", "state")]).toEqual(["network", "down"]);
    const two = read(nicTree({ ...nic, connected: true, source: { bridge: "br0" } }));
    expect([attribute(two, "type"), attributeAt(two, "source", "bridge"), find(two, "link")]).toEqual([
      "bridge",
      "br0",
      undefined,
    ]);
  });
});
