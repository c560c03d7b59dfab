import type { Step } from "../../../core/driver.js";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import type { LibvirtHost } from "../host.js";
import { Affect } from "../rpc/flags.js";
import { domainChange } from "../rpc/procedures/domain-change.js";
import type { DomainRef } from "../rpc/types.js";
import { type Element, toText } from "../xml.js";
import { describeDomain } from "./located.js";
import type { Resolved } from "./types.js";

/** How long a guest may take to let go of a device, or to take or give memory, in milliseconds. */
export const GUEST_MS = 30_000;

/** A running guest, and what is wanted of it. */
export interface Running {
  readonly host: LibvirtHost;
  readonly dom: DomainRef;
  readonly machine: Resolved;
  readonly step: Step;
}

/** What the guest has now. */
export const liveXml = ({ host, dom }: Pick<Running, "host" | "dom">): Promise<Element> => describeDomain(host, dom, 0);

/**
 * Takes a device away. An "OK" of the daemon only says that the guest was asked: what counts is that `look` does not
 * find it in the live XML any more.
 *
 * @throws `timeout` when the guest does not release it.
 */
export async function detach(
  running: Running,
  device: Element,
  what: string,
  look: (live: Element) => Element | undefined,
): Promise<void> {
  const { host, dom, step } = running;
  try {
    await host.session.call(domainChange.detachDevice, { dom, xml: toText(device), flags: Affect.live });
  } catch (error) {
    if (!isProviderError(error, "dropped", "timeout")) throw error;
  }
  const gone = async () => (look(await liveXml(running)) === undefined ? true : undefined);
  if (
    await host.watch.until(dom.uuid, gone, {
      timeoutMs: GUEST_MS,
      every: 2000,
      events: ["deviceRemoved", "deviceRemovalFailed"],
      signal: step.signal,
    })
  )
    return;
  throw new ProviderError("timeout", `the guest did not release ${what} within ${GUEST_MS / 1000} s`, {
    hint: "Stop using it in the guest and try again, or stop the machine first.",
  });
}
