import { isProviderError, ProviderError } from "../../core/errors.js";
import { showBytes } from "../../core/units.js";
import type { LibvirtHost } from "./host.js";
import { volumes } from "./rpc/index.js";
import { readVolume, type VolumeDescription } from "./volume-xml.js";

/**
 * The volume that another one shall lie over. Its path goes into the new file as it was declared: libvirt reads it back
 * from there.
 *
 * @throws `invalid`: property `base` when no started pool has it, property `size` when it is larger than `size` bytes.
 */
export async function findBase(
  { session, inventory }: LibvirtHost,
  path: string,
  size: number | undefined,
): Promise<VolumeDescription> {
  const base = await inventory.share(`base ${path}`, async () => {
    try {
      const vol = await session.call(volumes.byPath, { path });
      return readVolume(await session.call(volumes.xml, { vol, flags: 0 }));
    } catch (error) {
      if (!isProviderError(error, "not-found")) throw error;
      throw new ProviderError("invalid", `no started storage pool has a volume ${path}`, {
        where: { property: "base" },
        hint: "Give the path of a Volume; a file elsewhere needs a StoragePool with its directory first.",
      });
    }
  });
  if (size === undefined || size >= base.capacity) return base;
  throw new ProviderError(
    "invalid",
    `${showBytes(size)} is smaller than the base, which has ${showBytes(base.capacity)}`,
    {
      where: { property: "size" },
      hint: `Set size to at least ${showBytes(base.capacity)}, or leave it out.`,
    },
  );
}
