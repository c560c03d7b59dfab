import { createHash } from "node:crypto";

/**
 * A locally administered unicast MAC address (52:54:…) from whose the machine is, its name and that of the interface:
 * known before the machine is made, and the same at every attempt. 32 bits of a hash, so 200 machines of a host share
 * one with a chance of 1 in 200 000.
 */
export const macOf = (owner: string, machine: string, nic: string): string =>
  `52:54:${(digest(owner, machine, nic).slice(0, 8).match(/../g) ?? []).join(":")}`;

const digest = (...parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex");

/** `52-54-00-…`, `525400…` and `52:54:00:…` in the spelling of declarations. */
export const settledMac = (mac: string): string =>
  (
    mac
      .replace(/[^0-9A-Fa-f]/g, "")
      .toLowerCase()
      .match(/../g) ?? []
  ).join(":");
