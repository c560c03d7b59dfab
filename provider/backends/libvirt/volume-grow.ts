import { dirname } from "node:path/posix";
import { isProviderError, ProviderError } from "../../core/errors.js";
import { showBytes } from "../../core/units.js";
import type { LibvirtHost } from "./host.js";
import { BlockResize, domainChange, VolumeResize, volumes } from "./rpc/index.js";
import type { VolumeRef } from "./rpc/types.js";
import { volumeFailure } from "./volume-failure.js";
import { describeVolume } from "./volume-lookup.js";
import { hindrance, refuseGrowth, snapshotsFound } from "./volume-snapshots.js";
import { disksOfAll, refuseUnderOthers, usesOf } from "./volume-use.js";

/** What is there of a volume: its path on the host and its size in bytes. */
export interface Present {
  readonly path: string;
  readonly size: number;
  /** What is added takes its room at once, where libvirt can: of a raw file that no running machine has. */
  readonly thick: boolean;
}

/** Through QEMU where a running machine writes to it: QEMU's lock keeps everybody else from the file. */
export async function grow(host: LibvirtHost, vol: VolumeRef, now: Present, size: number): Promise<void> {
  const { path } = now;
  if (size < now.size)
    throw new ProviderError("invalid", `${showBytes(size)} is less than it has (${showBytes(now.size)})`, {
      where: { property: "size" },
      hint: "A volume never shrinks: make a new one and copy what matters.",
    });
  await refuseUnderOthers(host, path, "growing it");
  const machines = await disksOfAll(host);
  refuseGrowth(await hindrance(host, vol, path, machines));
  const open = (await usesOf(host, path, vol, machines)).find(({ disk }) => disk !== undefined);
  try {
    const flags = now.thick ? VolumeResize.allocate : 0;
    if (open?.disk === undefined) await host.session.call(volumes.resize, { vol, capacity: size, flags });
    else {
      const { domain: dom, disk } = open;
      await host.session.call(domainChange.blockResize, { dom, disk, size, flags: BlockResize.bytes });
    }
  } catch (error) {
    const done = isProviderError(error, "dropped") && (await describeVolume(host, vol))?.capacity === size;
    if (!done) throw explained(error, vol.pool, path);
  }
}

/** What the daemon, qemu-img or a running QEMU says, with the property and a remedy. */
function explained(error: unknown, pool: string, path: string): unknown {
  if (!(error instanceof ProviderError)) return error;
  refuseGrowth(snapshotsFound(path, error.fact), error);
  if (error.code === "busy" && /lock/.test(error.fact))
    return new ProviderError("busy", `another program on the host has ${path} open`, {
      where: { property: "size" },
      hint: `End that program, or wait for it (lsof "${path}" shows it on the host).`,
      cause: error,
    });
  return encrypted(error) ?? volumeFailure(error, { name: pool, path: dirname(path) });
}

/** libvirt takes a raw disk on which a guest keeps LUKS from the first byte on for an encrypted volume of its own (9.0.0). */
function encrypted(error: ProviderError): ProviderError | undefined {
  if (!/no secret provided|Secret not found/i.test(error.fact)) return undefined;
  return new ProviderError("unsupported", "libvirt does not grow at rest what its guest has encrypted as a whole", {
    where: { property: "size" },
    hint: "Start the virtual machine that has it: then it grows through QEMU.",
    cause: error,
  });
}
