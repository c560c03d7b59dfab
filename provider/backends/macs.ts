import { createHash } from "node:crypto";

/**
 * A locally administered unicast MAC address (52:54:…, QEMU's usual beginning) from what tells an interface apart, such
 * as its machine and its name: 32 bits of a hash, so 200 machines of a host share one with a chance of 1 in 200 000.
 */
export function macOf(...identity: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(identity)).digest("hex");
  return `52:54:${(hash.slice(0, 8).match(/../g) ?? []).join(":")}`;
}
