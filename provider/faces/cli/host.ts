import { setTimeout as sleep } from "node:timers/promises";
import type { OpenHost } from "../../core/engine.js";
import { ACCESS, type HostSettings } from "../../core/settings.js";
import { type Call, UsageError } from "./command.js";

/** `CROSSVISOR_PRIVATE_KEY` of `privateKey`. */
export const variableOf = (setting: string): string =>
  `CROSSVISOR_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** How the host is reached: the URI from the command line or `CROSSVISOR_URI`, the access from the environment. */
export function settingsOf({ words: [word], io: { env } }: Pick<Call, "words" | "io">): HostSettings {
  const uri = word ?? env["CROSSVISOR_URI"] ?? "";
  if (uri === "") throw new UsageError("no host: give its URI, such as qemu:///system, or set CROSSVISOR_URI");
  const given = ACCESS.flatMap((key) => {
    const value = env[variableOf(key)];
    return value === undefined || value === "" ? [] : [[key, value] as const];
  });
  return { uri, ...Object.fromEntries(given) };
}

/** Milliseconds. */
const GOODBYE = 3000;

/** Opens the host of a call, hands it over and closes it in any case. */
export async function withHost<T>(call: Call, use: (host: OpenHost) => Promise<T>): Promise<T> {
  const host = await call.program.open(settingsOf(call));
  try {
    return await use(host);
  } finally {
    // A host that does not answer may not say goodbye either.
    await Promise.race([host.close(), sleep(GOODBYE, undefined, { ref: false })]);
  }
}

/** Help on how commands find their host. */
export const HOST_HELP = `The host is that of URI, or of the variable CROSSVISOR_URI. Access to it comes from
${ACCESS.map(variableOf).join(", ")}.`;
