import { describe, expect, it } from "vitest";
import { inputsOf, resolved } from "../../../../test/libvirt/machines.js";
import { attribute, attributeAt, childrenOf, type Element, find, parseXml, textAt } from "../xml.js";
import { definition } from "./definition.js";
import { diskAt, disksOf } from "./ours.js";
import type { Virtualisation } from "./types.js";

const define = (written: Record<string, unknown> = {}, virtualisation: Virtualisation = "qemu"): Element =>
  parseXml(definition(resolved(inputsOf(written), virtualisation)), "the definition");
const flags = [false, true];

describe("a definition", () => {
  for (const virtualisation of ["kvm", "qemu", "test"] as const)
    for (const firmware of ["uefi", "bios"])
      for (const secureBoot of firmware === "uefi" ? flags : [false])
        for (const tpm of flags)
          for (const guest of ["debian12", "win2k22"])
            it(`asks for ${firmware}${secureBoot ? " with Secure Boot" : ""}${tpm ? ", a TPM" : ""} for ${guest} on ${virtualisation}`, () => {
              const d = define({ firmware, secureBoot, tpm, guest, cloudInit: { userData: "x" } }, virtualisation);
              const isTest = virtualisation === "test";
              const windows = guest === "win2k22";
              expect(attribute(d, "type")).toBe(virtualisation);
              expect(attributeAt(d, "os", "firmware")).toBe(firmware === "uefi" && !isTest ? "efi" : undefined);
              expect(attributeAt(d, "os/loader", "secure")).toBe(secureBoot && !isTest ? "yes" : undefined);
              expect(find(d, "features/smm") !== undefined).toBe(secureBoot && !isTest);
              expect(find(d, "devices/tpm") !== undefined).toBe(tpm && !isTest);
              expect(attributeAt(d, "clock", "offset")).toBe(windows ? "localtime" : "utc");
              expect(find(d, "features/hyperv") !== undefined).toBe(windows && virtualisation === "kvm");
              expect(attributeAt(d, "cpu", "mode")).toBe(
                { kvm: "host-passthrough", qemu: "maximum", test: undefined }[virtualisation],
              );
              expect(textAt(d, "sysinfo/system/entry")).toBe(isTest ? undefined : "ds=nocloud");
              expect(attributeAt(diskAt(d, "sda")!, "target", "bus")).toBe(windows ? "sata" : "scsi");
            });

  it("has its maximum and its present size, and no present number of processors when all are there", () => {
    const sizes = (written: Record<string, unknown>) => {
      const d = define(written);
      return ["memory", "currentMemory", "vcpu"]
        .map((name) => textAt(d, name))
        .concat(attributeAt(d, "vcpu", "current") ?? "-");
    };
    expect(sizes({ cpus: 2, memory: "64MiB" })).toEqual(["65536", "65536", "2", "-"]);
    expect(sizes({ cpus: 2, maxCpus: 4, memory: "64MiB", maxMemory: "1GiB" })).toEqual(["1048576", "65536", "4", "2"]);
  });

  it("boots the first disk, then the CD; the CD first where there is no disk", () => {
    const orders = (written: Record<string, unknown>) =>
      Object.fromEntries(
        disksOf(define(written)).flatMap((disk) => {
          const order = attributeAt(disk, "boot", "order");
          return order === undefined ? [] : [[attributeAt(disk, "target", "dev"), order]];
        }),
      );
    const disks = [{ volume: "/a" }, { volume: "/b" }];
    expect(orders({ disks, cdrom: "/c" })).toEqual({ vda: "1", sdb: "2" });
    expect(orders({ cdrom: "/c" })).toEqual({ sdb: "1" });
  });

  it("has two drives for CDs whatever is in them, and no element that says more than was asked for", () => {
    const d = define();
    expect(disksOf(d).map((disk) => find(disk, "source"))).toEqual([undefined, undefined]);
    for (const absent of ["description", "sysinfo", "os/smbios", "devices/interface", "devices/tpm"])
      expect(find(d, absent), absent).toBeUndefined();
  });

  it("leaves twelve ports free for what is plugged in later", () => {
    const written = { disks: [{ volume: "/a" }], networks: [{ network: "n" }] };
    const ports = childrenOf(find(define(written), "devices")!, "controller").filter(
      (c) => attribute(c, "model") === "pcie-root-port",
    );
    expect(ports).toHaveLength(14);
  });
});
