import { describe, expect, it, test } from "vitest";
import { ProviderError } from "../../../core/errors.js";
import { notStarted, slowProbe } from "./kvm.js";
import { firmware, secureBoot, tpm } from "./machine.js";
import { age, versionText } from "./reach.js";
import { confinement } from "./security.js";

const level = (finding: { readonly level: string } | undefined) => finding?.level;

describe("a version", () => {
  it("is read from its number", () => expect([9_000_000, 10_006_012].map(versionText)).toEqual(["9.0.0", "10.6.12"]));

  test.each([
    [9_000_000, undefined],
    [8_010_000, "warning"],
    [7_002_000, "warning"],
    [7_001_000, "problem"],
  ])("%i: %s", (number, expected) => expect(level(age(number))).toBe(expected));
});

describe("the security drivers", () => {
  const qemu = { user: 64055, group: 108 };
  test.each([
    [{ user: qemu, driver: "apparmor" }, "ok", /AppArmor.*user 64055 in group 108/],
    [{ user: qemu, driver: "selinux" }, "ok", /SELinux.*user 64055/],
    [{ user: { user: 0, group: 0 }, driver: undefined }, "note", /neither.*root/],
    [{ user: undefined, driver: undefined }, "note", /neither AppArmor nor SELinux confines machines$/],
  ] as const)("%j: %s", (known, expected, found) => {
    const finding = confinement(known);
    expect(finding.level).toBe(expected);
    expect(finding.found).toMatch(found);
  });
});

describe("a start with KVM that failed", () => {
  const failed = (fact: string) => notStarted(new ProviderError("failed", fact), 88);

  // Texts of libvirt 9.0.0 with QEMU 7.2.
  it("for want of rights is the trap that makes every start slow", () => {
    const fact =
      "internal error: process exited while connecting to monitor: Could not access KVM kernel module: Permission denied; qemu-system-x86_64: -accel kvm: failed to initialize kvm: Permission denied";
    expect(failed(fact)).toMatchObject({ topic: "start", level: "problem", found: expect.stringContaining("88 s") });
    expect(failed(fact).commands?.join()).toContain("/dev/kvm");
  });

  it("for what the processor lacks means that KVM does not work", () => {
    const fact = "internal error: qemu unexpectedly closed the monitor: error: failed to set MSR 0x10a to 0x69";
    expect(failed(fact)).toMatchObject({ topic: "kvm", level: "warning", found: expect.stringContaining("MSR") });
  });

  it("for another reason says nothing of KVM", () =>
    expect(failed("Cannot allocate memory")).toMatchObject({ topic: "kvm", level: "unknown" }));
});

describe("a repeated question", () => {
  it("that is slow each time points at the same trap", () =>
    expect(slowProbe({ question: 900, trip: 3 })).toMatchObject({ topic: "start", level: "warning" }));
  it("that is slow because everything is, does not", () =>
    expect([slowProbe({ question: 900, trip: 700 }), slowProbe({ question: 20, trip: 1 })]).toEqual([
      undefined,
      undefined,
    ]));
});

describe("what machines are made of", () => {
  const offer = { emulator: "/q", maxCpus: 255, firmware: ["efi"], secureBoot: true, tpm: true };
  it("is well where it is there", () =>
    expect([firmware, secureBoot, tpm].map((check) => level(check(offer)))).toEqual(["ok", "ok", "ok"]));
  it("lacks what is missing, and of Secure Boot nothing is said without UEFI", () => {
    const bare = { ...offer, secureBoot: false, tpm: false };
    expect([firmware, secureBoot, tpm].map((check) => level(check(bare)))).toEqual(["ok", "warning", "warning"]);
    const none = { ...bare, firmware: [] };
    expect([firmware, secureBoot, tpm].map((check) => level(check(none)))).toEqual(["problem", undefined, "warning"]);
  });
});
