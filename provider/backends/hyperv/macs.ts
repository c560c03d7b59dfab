import { createHash } from "node:crypto";

/**
 * A unicast MAC address of Hyper-V's own range (00:15:5d) from whose the machine is, its name and that of the
 * interface: known before the machine is made, and the same at every attempt. 24 bits of a hash: who makes one looks
 * whether it is free.
 */
export const macOf = (owner: string, machine: string, nic: string): string =>
  `00:15:5d:${(digest(owner, machine, nic).slice(0, 6).match(/../g) ?? []).join(":")}`;

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
