import type { Step } from "../../../core/driver.js";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import type { LibvirtHost } from "../host.js";
import { Create, DomainState, Shutdown } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import { type DomainRef, domainRef } from "../rpc/types.js";
import { attributeAt, childrenAt, type Element, textAt } from "../xml.js";
import type { MachineInputs } from "./types.js";

/** A guest that boots ignores the power button, so it is pressed again. Milliseconds. */
const PRESS_AGAIN_MS = 10_000;

type Policy = MachineInputs["shutdown"];
const DEFAULTS: Policy = { method: "auto", timeout: 60, onTimeout: "force" };

export const isOff = (state: number): boolean =>
  state === DomainState.shutoff || state === DomainState.crashed || state === DomainState.none;

/** Starts it, with `resetNvram` with fresh firmware variables; succeeds when it runs already. */
export async function start(host: LibvirtHost, dom: DomainRef, paused: boolean, resetNvram = false): Promise<void> {
  // The test driver takes no flags: it is paused afterwards.
  const isTest = host.uri.hypervisor === "test";
  const flags = isTest ? 0 : (paused ? Create.paused : 0) | (resetNvram ? Create.resetNvram : 0);
  try {
    await host.session.call(domains.create, { dom, flags });
    if (isTest && paused) await pause(host, dom);
  } catch (error) {
    // A lost answer, or somebody else was faster: what counts is what it does now.
    if (isOff(await stateOf(host, dom))) throw error;
  }
}

export async function pause(host: LibvirtHost, dom: DomainRef): Promise<void> {
  await host.session.call(domains.suspend, { dom });
}

export async function resume(host: LibvirtHost, dom: DomainRef): Promise<void> {
  await host.session.call(domains.resume, { dom });
}

/**
 * Asks the guest to shut down and waits, by the declared policy. `live` is the running machine's description, which
 * tells whether its agent listens. Throws `timeout` when the policy says `fail` and the guest goes on running.
 */
export async function stop(host: LibvirtHost, live: Element, policy: Policy | undefined, step: Step): Promise<void> {
  const dom = domainRef(textAt(live, "name") ?? "", textAt(live, "uuid") ?? "");
  const { method, timeout, onTimeout } = { ...DEFAULTS, ...policy };
  const way = method === "auto" ? (agentConnected(live) ? "agent" : "acpi") : method;
  // The test driver has no guests and takes no flags.
  const flags = host.uri.hypervisor === "test" ? 0 : Shutdown[way];
  step.report(`waiting up to ${timeout} s for the guest to shut down`);
  const until = Date.now() + timeout * 1000;
  // A timer may go off a little early.
  const over = () => Date.now() > until - 5;
  while (!over()) {
    const timeoutMs = Math.min(PRESS_AGAIN_MS, until - Date.now());
    let asked = false;
    // The order is given from inside the wait, so that the event it causes cannot come too early.
    const off = async () => {
      // Powering off finds out by itself whether it is off already.
      if (asked && onTimeout === "force" && over()) return undefined;
      if (asked) return isOff(await stateOf(host, dom)) || undefined;
      asked = true;
      return (await askToStop(host, dom, flags)) ? undefined : true;
    };
    if (await host.watch.until(dom.uuid, off, { timeoutMs, signal: step.signal })) return;
  }
  if (onTimeout === "fail")
    throw new ProviderError("timeout", `the guest did not shut down within ${timeout} s and goes on running`, {
      where: { property: "shutdown" },
      hint: 'Give it more time with shutdown.timeout, or set shutdown.onTimeout to "force".',
    });
  step.report(`the guest did not shut down within ${timeout} s: powering it off`);
  await powerOff(host, dom);
}

/** False when it is off. A paused guest cannot hear: it is resumed first. */
async function askToStop(host: LibvirtHost, dom: DomainRef, flags: number): Promise<boolean> {
  try {
    await host.session.call(domains.shutdown, { dom, flags });
    return true;
  } catch (error) {
    const state = await stateOf(host, dom);
    if (isOff(state)) return false;
    if (isProviderError(error, "dropped")) return true;
    if (state !== DomainState.paused) return endsBy(host, dom, error);
    try {
      await resume(host, dom);
    } catch (failed) {
      return endsBy(host, dom, failed);
    }
    return askToStop(host, dom, flags);
  }
}

/** Whether the guest's agent listens, from the running machine's description. */
export const agentConnected = (live: Element): boolean => {
  const isAgent = (c: Element) => attributeAt(c, "target", "name") === "org.qemu.guest_agent.0";
  return childrenAt(live, "devices", "channel").some(
    (c) => isAgent(c) && attributeAt(c, "target", "state") === "connected",
  );
};

/** How long the daemon may take to tidy up after a guest that ended by itself. Milliseconds. */
const TIDYING_MS = 5000;
const PATIENCE = { every: 200, signal: new AbortController().signal };

/**
 * A guest that ends while a call works on it makes the call fail, and is seen to be off a little later. False then.
 * @throws the error of the call when the guest has not ended.
 */
async function endsBy(host: LibvirtHost, dom: DomainRef, error: unknown): Promise<false> {
  const off = async () => isOff(await stateOf(host, dom)) || undefined;
  const timeoutMs = isProviderError(error, "failed") ? TIDYING_MS : 0;
  const found = timeoutMs === 0 ? await off() : await host.watch.until(dom.uuid, off, { ...PATIENCE, timeoutMs });
  if (found === true) return false;
  throw error;
}

async function stateOf(host: LibvirtHost, dom: DomainRef): Promise<number> {
  try {
    return (await host.session.call(domains.state, { dom, flags: 0 })).state;
  } catch (error) {
    if (isProviderError(error, "not-found")) return DomainState.shutoff;
    throw error;
  }
}

/** Pulls the plug. Succeeds when it is off already. */
export async function powerOff(host: LibvirtHost, dom: DomainRef): Promise<void> {
  try {
    await host.session.call(domains.destroy, { dom, flags: 0 });
  } catch (error) {
    await endsBy(host, dom, error);
  }
}
