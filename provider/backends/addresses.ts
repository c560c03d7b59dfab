import { isIPv4 } from "node:net";
import type { InputsOf } from "../core/kind.js";
import { isLocalOnly, within } from "../kinds/address.js";
import type { Kinds } from "../kinds/index.js";

/** Addresses by the names of a machine's interfaces. */
export type Addresses = Readonly<Record<string, readonly string[]>>;

export type Wait = NonNullable<InputsOf<Kinds["VirtualMachine"]>["waitForAddress"]>;

/** The first address that fits: of the wanted interface, family and network; never one that is local to the guest. */
export function chosen(addresses: Addresses, wait: Wait | undefined): string | undefined {
  const fits = (a: string) =>
    !isLocalOnly(a) &&
    (wait === undefined || wait.family === "any" || (wait.family === "ipv4") === isIPv4(a)) &&
    (wait?.cidr === undefined || within(a, wait.cidr));
  return Object.entries(addresses)
    .filter(([name]) => wait?.nic === undefined || name === wait.nic)
    .flatMap(([, list]) => list)
    .find(fits);
}
