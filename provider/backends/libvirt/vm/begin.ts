import { ProviderError } from "../../../core/errors.js";
import type { LibvirtHost } from "../host.js";
import type { DomainRef } from "../rpc/types.js";
import { breaksDown } from "./breakdown.js";
import { powerOff, start } from "./power.js";
import type { Resolved } from "./types.js";

/** Milliseconds that a guest has to run to show that KVM works. */
const PROOF = 1000;

/** Hosts whose KVM has run a guest of this process: nobody waits for a further proof. */
const proven = new WeakSet<LibvirtHost["session"]>();

export interface Beginning {
  readonly dom: DomainRef;
  readonly machine: Pick<Resolved, "inputs" | "virtualisation">;
  /** With fresh firmware variables. */
  readonly resetNvram?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Starts a machine. Where one runs with KVM for the first time in this process, it is watched for a moment: a host that
 * is itself virtual may offer KVM, take the start, and stop the processor at the guest's first steps. Then it is powered
 * off, and that is an error which names `acceleration`.
 */
export async function begin(host: LibvirtHost, { dom, machine, resetNvram, signal }: Beginning): Promise<void> {
  const { powerState } = machine.inputs;
  await start(host, dom, powerState === "paused", resetNvram);
  if (machine.virtualisation !== "kvm" || powerState !== "running" || proven.has(host.session)) return;
  if (await breaksDown(host, dom, PROOF, signal)) {
    await powerOff(host, dom);
    throw brokenKvm();
  }
  proven.add(host.session);
}

export const BROKEN_KVM_HINT =
  'Switch on nested virtualisation where the host is itself virtual, or set acceleration to "none"; `crossvisor doctor` tells more.';

const brokenKvm = (): ProviderError =>
  new ProviderError("failed", "KVM stopped the processor with an internal error right after the start", {
    where: { property: "acceleration" },
    hint: BROKEN_KVM_HINT,
  });
