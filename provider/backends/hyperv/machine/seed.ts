import { createHash } from "node:crypto";
import { networkConfig, seed as seedImage } from "../../../media/nocloud.js";
import type { HypervHost } from "../host.js";
import { joined } from "../paths.js";
import { upload } from "../upload.js";
import type { SeedMark } from "./mark.js";
import type { Nic } from "./resolve.js";
import type { MachineInputs } from "./types.js";

/** The CD with a machine's first-boot data, before it is on the host. */
export interface Seed extends SeedMark {
  readonly bytes: Uint8Array;
}

/** Name of a host as RFC 1123 wants it, from a machine's name. */
export const hostnameOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 63)
    .replace(/-+$/, "") || "guest";

/**
 * The first-boot data as an image. Its digest is in its name: a medium that a guest has open is not written over. The
 * instance id comes from whose the machine is and its name, so that an edit does not make a guest run everything again.
 */
export function seedOf(inputs: MachineInputs, nics: readonly Nic[], folder: string): Seed | undefined {
  const { cloudInit, owner, name } = inputs;
  if (cloudInit === undefined) return undefined;
  const hostname = hostnameOf(name);
  const bytes = seedImage({
    instanceId: instanceIdOf(owner, name),
    hostname,
    ...(cloudInit.userData === undefined ? {} : { userData: cloudInit.userData }),
    ...(cloudInit.metaData === undefined ? {} : { metaData: cloudInit.metaData }),
    networkConfig: cloudInit.networkConfig ?? networkConfig(nics.map(guestNic)),
  });
  const digest = createHash("sha256").update(bytes).digest("hex");
  return { bytes, digest, path: joined(folder, `${hostname}-seed-${digest.slice(0, 12)}.iso`) };
}

const instanceIdOf = (owner: string, name: string): string =>
  createHash("sha256")
    .update(JSON.stringify(["instance", owner, name]))
    .digest("hex")
    .slice(0, 32);

const guestNic = ({ mac, address: a }: Nic) => ({
  mac,
  ...(a === undefined ? {} : { address: `${a.address}/${a.prefix}` }),
  ...(a?.gateway === undefined ? {} : { gateway: a.gateway }),
  ...(a === undefined || a.dns.length === 0 ? {} : { dns: a.dns }),
});

export async function uploadSeed(host: HypervHost, { path, bytes }: Seed, signal: AbortSignal): Promise<void> {
  async function* parts() {
    yield bytes;
  }
  await upload(host, { path, parts: parts(), replace: true, signal });
}
