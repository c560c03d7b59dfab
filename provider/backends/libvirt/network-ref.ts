import { isProviderError } from "../../core/errors.js";
import type { LibvirtHost } from "./host.js";
import { isUuid } from "./identity.js";
import { InactiveXml } from "./rpc/flags.js";
import { networks } from "./rpc/procedures/network.js";
import type { NetworkRef } from "./rpc/types.js";

/** The reference of a network by its UUID. The real network driver goes by that alone; the test driver by the name. */
export const refOf = async (host: LibvirtHost, uuid: string): Promise<NetworkRef> =>
  host.uri.hypervisor === "test" ? await host.session.call(networks.byUuid, { uuid }) : { name: "", uuid };

/** Flags of `networks.xml` for the definition. The test driver has one description only and refuses the flag. */
export const definitionFlags = (host: LibvirtHost): number =>
  host.uri.hypervisor === "test" ? 0 : InactiveXml.inactive;

/** What is defined, whether or not it runs. */
export const inactiveXml = (host: LibvirtHost, net: NetworkRef): Promise<string> =>
  host.session.call(networks.xml, { net, flags: definitionFlags(host) });

/** `undefined` when there is none. */
export const byName = (host: LibvirtHost, name: string): Promise<NetworkRef | undefined> =>
  unlessGone(host.session.call(networks.byName, { name }));

/** `undefined` when there is none. */
export const byUuid = (host: LibvirtHost, uuid: string): Promise<NetworkRef | undefined> =>
  unlessGone(host.session.call(networks.byUuid, { uuid }));

/** The UUID of the network of a UUID or a name, as machines look it up; `undefined` when there is none. */
export const findNetwork = async (host: LibvirtHost, word: string): Promise<string | undefined> =>
  (isUuid(word) ? await byUuid(host, word) : await byName(host, word))?.uuid;

export async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isProviderError(error, "not-found")) return undefined;
    throw error;
  }
}
