import type { LibvirtHost } from "../host.js";
import { DomainState } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import type { DomainRef } from "../rpc/types.js";

/**
 * `VIR_DOMAIN_PAUSED_UNKNOWN`: nobody paused it. QEMU stopped the processor after an internal error, which libvirt has no
 * reason of its own for (measured, 9.0.0; a pause that somebody asked for has another reason).
 */
const NOBODY = 0;

/**
 * Whether a guest that was just started stops by itself within `ms` milliseconds because the processor cannot run it: a
 * host that is itself virtual may offer KVM and fail at the guest's first steps. A guest that ends or is paused by
 * somebody is none of that.
 */
export async function breaksDown(
  host: Pick<LibvirtHost, "session" | "watch">,
  dom: DomainRef,
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  const look = async () => {
    const { state, reason } = await host.session.call(domains.state, { dom, flags: 0 }, { signal });
    if (state === DomainState.paused) return reason === NOBODY;
    return state === DomainState.running || state === DomainState.blocked ? undefined : false;
  };
  return (await host.watch.until(dom.uuid, look, { timeoutMs: ms, signal })) ?? false;
}
