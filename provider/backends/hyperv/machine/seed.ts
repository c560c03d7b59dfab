import { createHash } from "node:crypto";
import { hostnameOf, seedBytes } from "../../../media/first-boot.js";
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

/**
 * The first-boot data as an image. Its digest is in its name: a medium that a guest has open is not written over. The
 * instance id comes from whose the machine is and its name, so that an edit does not make a guest run everything again.
 */
export function seedOf(inputs: MachineInputs, nics: readonly Nic[], folder: string): Seed | undefined {
  const { owner, name } = inputs;
  const bytes = seedBytes(instanceIdOf(owner, name), inputs, nics);
  if (bytes === undefined) return undefined;
  const digest = createHash("sha256").update(bytes).digest("hex");
  return { bytes, digest, path: joined(folder, `${hostnameOf(name)}-seed-${digest.slice(0, 12)}.iso`) };
}

const instanceIdOf = (owner: string, name: string): string =>
  createHash("sha256")
    .update(JSON.stringify(["instance", owner, name]))
    .digest("hex")
    .slice(0, 32);

export async function uploadSeed(host: HypervHost, { path, bytes }: Seed, signal: AbortSignal): Promise<void> {
  async function* parts() {
    yield bytes;
  }
  await upload(host, { path, parts: parts(), replace: true, signal });
}
