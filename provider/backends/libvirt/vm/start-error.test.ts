import { expect, test } from "vitest";
import { ProviderError } from "../../../core/errors.js";
import type { LibvirtHost } from "../host.js";
import type { Session } from "../rpc/session.js";
import { explainingStart } from "./start-error.js";

const machine = {
  inputs: {
    cdrom: "/cd.iso",
    disks: [
      { name: "a", volume: "/a" },
      { name: "b", path: "/b" },
    ],
  },
  disks: [
    { name: "a", path: "/a" },
    { name: "b", path: "/b" },
  ],
  seed: { path: "/seed.iso" },
} as unknown as Parameters<typeof explainingStart>[1];

/** A host that says of itself only what keeps guests apart; a text is that of its security driver. */
const hostWith = (driver: string | undefined): Pick<LibvirtHost, "session"> => ({
  session: {
    call: async () =>
      driver === undefined
        ? Promise.reject(new ProviderError("denied", "no"))
        : `<capabilities><host><secmodel><model>${driver}</model></secmodel></host></capabilities>`,
  } as unknown as Session,
});

const explained = async (fact: string, details = {}, driver?: string): Promise<ProviderError> => {
  const failed = () => Promise.reject(new ProviderError("failed", fact, details));
  const error: unknown = await explainingStart(hostWith(driver), machine, failed).catch((e: unknown) => e);
  if (!(error instanceof ProviderError)) throw error;
  return error;
};

test.each([
  ["network 'lan' is not active", "networks", /net-start/],
  ["Cannot get interface MTU on 'br7': No such device", "networks", /Make the bridge/],
  ["operation failed: Unable to find any firmware to satisfy 'efi'", "firmware", /"bios"/],
  ["Cannot access storage file '/a': No such file or directory", "disks[0].volume", /must be there/],
  ["Could not open '/b': Is a directory", "disks[1].path", /must be there/],
  ["Cannot access storage file '/cd.iso'", "cdrom", /must be there/],
  ["Cannot access storage file '/seed.iso'", "cloudInit", /must be there/],
  ["qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory", "memory", /declare less/],
  ["error: failed to set MSR 0x10a to 0x69; kvm.c:3183: Assertion", "acceleration", /doctor/],
  ["Could not access KVM kernel module: Permission denied", "acceleration", /\/dev\/kvm/],
  [
    "Cannot access storage file '/a' (as uid:64055, gid:64055): Permission denied",
    "disks[0].volume",
    /uid 64055.*namei -l \/a/,
  ],
])("%s: %s", async (fact, property, hint) => {
  const error = await explained(fact);
  expect(error.where.property).toBe(property);
  expect(error.hint).toMatch(hint);
  expect(error.fact).toBe(fact);
});

test.each([
  ["apparmor", /namei -l \/b.*AppArmor.*DENIED/],
  ["selinux", /namei -l \/b.*SELinux.*ausearch/],
  ["none", /^((?!AppArmor|SELinux).)*$/],
  [undefined, /namei -l \/b/],
])("a file that QEMU itself may not open, where the driver is %s", async (driver, hint) => {
  const generic = { hint: "The daemon's QEMU user must be able to read the file." };
  const error = await explained("Could not open '/b': Permission denied", generic, driver);
  expect(error).toMatchObject({ where: { property: "disks[1].path" }, hint: expect.stringMatching(hint) });
});

test("a remedy that is known already stays, and so does what names its property itself", async () => {
  expect(await explained("Could not open '/a'", { hint: "Ask." })).toMatchObject({
    hint: "Ask.",
    where: { property: "disks[0].volume" },
  });
  expect((await explained("about '/a'", { where: { property: "acceleration" } })).where.property).toBe("acceleration");
});

test("what nothing is known about stays as it is", async () => {
  expect(await explained("internal error")).toMatchObject({ where: {}, hint: undefined });
});
