import { describe, expect, it } from "vitest";
import { ProviderError } from "../../core/errors.js";
import { poolFailure } from "./pool-failure.js";

const ran = (command: string, status: number, said: string) =>
  `internal error: Child process (${command}) unexpected exit status ${status}: ${said}`;
const MOUNT = "/bin/mount -o nodev,nosuid,noexec -t nfs nas:/srv/x /mnt/x";
const nfs = { type: "netfs", source: { host: "nas", path: "/srv/x", format: "nfs" } } as const;
const group = { type: "logical", source: { name: "vg0" } } as const;

/**
 * Texts as libvirt 9.0.0 gave them over mount of util-linux 2.38, mount.nfs 2.6.2 and LVM 2.03.16; that of a server that
 * denies and of a name that nobody knows are mount.nfs's own (nfs-utils, utils/mount).
 */
const TEXTS = [
  [
    nfs,
    ran(
      MOUNT,
      32,
      "mount: /mnt/x: unknown filesystem type 'nfs'.\n       dmesg(1) may have more information after failed mount system call.\n",
    ),
    "source.format",
    "/mnt/x: unknown filesystem type 'nfs'",
    /nfs-common/,
  ],
  [
    nfs,
    ran(MOUNT, 32, "mount.nfs: access denied by server while mounting nas:/srv/x\n"),
    "source.path",
    "access denied by server while mounting nas:/srv/x",
    /export/,
  ],
  [
    nfs,
    ran(
      MOUNT,
      32,
      "mount.nfs: rpc.statd is not running but is required for remote locking.\nmount.nfs: Either use '-o nolock' to keep locks local, or start statd.\nmount.nfs: mounting nas:/srv/x failed, reason given by server: No such file or directory\n",
    ),
    "source.path",
    "mounting nas:/srv/x failed, reason given by server: No such file or directory",
    /offers/,
  ],
  [
    nfs,
    ran(MOUNT, 32, "mount.nfs: Failed to resolve server nas: Name or service not known\n"),
    "source.host",
    "Failed to resolve server nas: Name or service not known",
    /reaches/,
  ],
  [
    group,
    ran(
      "/sbin/pvs --noheadings -o pv_name,vg_name",
      127,
      "libvirt:  error : cannot execute binary /sbin/pvs: No such file or directory\n",
    ),
    "type",
    "cannot execute binary /sbin/pvs: No such file or directory",
    /lvm2/,
  ],
  [
    group,
    "unsupported configuration: cannot find logical volume group name 'vg0'",
    "source.name",
    "unsupported configuration: cannot find logical volume group name 'vg0'",
    /build/,
  ],
  [
    group,
    "Storage pool already built: Format of device '/dev/loop1' does not match the expected format 'LVM2_member', forced overwrite is necessary",
    "source.devices",
    "Storage pool already built: Format of device '/dev/loop1' does not match the expected format 'LVM2_member', forced overwrite is necessary",
    /wipefs/,
  ],
] as const;

describe("what the host says of a pool that fails", () => {
  it.each(TEXTS)("%j: %s", (failing, text, property, fact, hint) => {
    const told = poolFailure(new ProviderError("failed", text), failing) as ProviderError;
    expect(told).toMatchObject({ fact, where: { property } });
    expect(told.hint).toMatch(hint);
  });

  it("stays as it is when nobody knows it, when it has a place, and when it is no failure of a host", () => {
    const unknown = new ProviderError("failed", "the moon is full");
    const placed = new ProviderError("failed", "missing backend for pool type 4", { where: { property: "name" } });
    for (const error of [unknown, placed, new Error("access denied")]) expect(poolFailure(error, nfs)).toBe(error);
  });
});
