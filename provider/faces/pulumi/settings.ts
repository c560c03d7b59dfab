import { ProviderError } from "../../core/errors.js";
import { ACCESS, type HostSettings } from "../../core/settings.js";
import { UNKNOWN_TEXT } from "./wire.js";

/** The part of Pulumi's configure request that is used. */
export interface ConfigureRequest {
  readonly config: { get(key: string): string | undefined };
}

/** `undefined` when a preview does not know the host yet. Throws `invalid` with the remedy when none is configured. */
export function readSettings({ config }: ConfigureRequest): HostSettings | undefined {
  const uri = config.get("crossvisor:uri");
  if (uri === UNKNOWN_TEXT) return undefined;
  if (uri === undefined || uri === "")
    throw new ProviderError("invalid", "no host is configured: crossvisor:uri is missing", {
      hint: "Run `pulumi config set crossvisor:uri qemu:///system`, or give the resource a Host as its `provider`.",
    });
  const given = ACCESS.flatMap((key) => {
    const value = config.get(`crossvisor:${key}`);
    return value === undefined || value === "" || value === UNKNOWN_TEXT ? [] : [[key, value] as const];
  });
  return { uri, ...Object.fromEntries(given) };
}
