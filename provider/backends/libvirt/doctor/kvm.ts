import { isProviderError, type ProviderError } from "../../../core/errors.js";
import type { Finding } from "../../../core/finding.js";
import { connect, host as hostCalls } from "../rpc/procedures/connect.js";
import { breaksDown } from "../vm/breakdown.js";
import { type Check, findings, refused, type Subject } from "./check.js";
import { withTrial } from "./trial.js";

/** Milliseconds that a guest runs to show that the processor can. */
const PROOF = 1500;
/**
 * Seconds: where libvirt probes each QEMU again at each start, one takes as many seconds as there are emulators, and
 * more (88 s measured with all of Debian's).
 */
const LIMIT = 240;

/** Whether the processor itself runs guests: what the host says, and whether it is true. */
export const kvm: Check = {
  topic: "kvm",
  limit: LIMIT,
  run: async (subject) => {
    const reason = await notOffered(subject);
    if (reason !== undefined) return [absent(reason)];
    const tried = subject.look.tries ? await tryIt(subject) : NOT_TRIED;
    // What was found by trying says why it is slow, where it is.
    return tried.topic === "start" ? [tried] : findings(tried, slowProbe(await lag(subject)));
  },
};

/** Why the host does not offer KVM, in its words; `undefined` when it does. */
async function notOffered({ host, patience }: Subject): Promise<string | undefined> {
  const asked = { emulator: undefined, arch: "x86_64", machine: "q35", virtType: "kvm", flags: 0 };
  try {
    await host.session.call(hostCalls.domainCapabilities, asked, patience);
    return undefined;
  } catch (error) {
    if (isProviderError(error, "invalid", "unsupported", "failed")) return error.fact;
    throw error;
  }
}

const SLOW = 'Machines with acceleration "auto" are emulated, which is slow, and "required" is refused.';

const absent = (reason: string): Finding => ({
  topic: "kvm",
  level: "warning",
  found: `the host does not offer KVM: ${reason}`,
  means: SLOW,
  remedy:
    "Switch on virtualisation (VT-x, AMD-V) in the firmware, or nested virtualisation where the host is itself virtual, load the module, let QEMU's user use /dev/kvm, and restart libvirt.",
  commands: ["lsmod | grep kvm; ls -l /dev/kvm", "modprobe kvm_intel || modprobe kvm_amd"],
});

const NOT_TRIED: Finding = {
  topic: "kvm",
  level: "unknown",
  found: "the host offers KVM, and it was not tried",
  means: "A host that is itself virtual may offer KVM that does not work.",
};

async function tryIt(subject: Subject): Promise<Finding> {
  const trial = { name: "crossvisor-doctor-kvm", virtualisation: "kvm", paused: false } as const;
  const begun = Date.now();
  try {
    const broke = await withTrial(subject, trial, (dom) =>
      breaksDown(subject.host, dom, PROOF, subject.patience.signal ?? subject.look.signal),
    );
    if (broke) return broken("its processor stopped with an internal error right after the start");
    return { topic: "kvm", level: "ok", found: "KVM works: an empty machine ran with it" };
  } catch (error) {
    if (!isProviderError(error, "failed", "denied", "unsupported", "invalid", "exists", "busy")) throw error;
    return notStarted(error, Math.round((Date.now() - begun) / 1000));
  }
}

/** What a start that failed means; `seconds` is how long it took. */
export function notStarted(error: ProviderError, seconds: number): Finding {
  if (/kvm[\s\S]*permission denied/i.test(error.fact)) return closed(seconds);
  if (/kvm|msr/i.test(error.fact)) return broken(error.fact);
  return refused("kvm", "unknown", error);
}

const broken = (fact: string): Finding => ({
  topic: "kvm",
  level: "warning",
  found: `the host offers KVM, and it does not work: ${fact}`,
  means: SLOW,
  remedy:
    'Where the host is itself virtual, switch on nested virtualisation there; or hide the device from guests\' user, restart libvirt and declare acceleration "none".',
});

const DEVICE = "Let QEMU's user use the device, or take it away, and restart libvirt.";
const AGAIN = "libvirt probes every QEMU of the host again at each start, which takes up to a minute and more";

/** The device is there, and QEMU's user may not use it. */
const closed = (seconds: number): Finding => ({
  topic: "start",
  level: "problem",
  found: `/dev/kvm is there and QEMU's user may not use it; the start took ${seconds} s to fail`,
  means: `Machines start with emulation at best, and ${AGAIN}.`,
  remedy: DEVICE,
  commands: [
    "ls -l /dev/kvm; getent group kvm",
    "chgrp kvm /dev/kvm && chmod 660 /dev/kvm",
    "systemctl restart libvirtd",
  ],
});

/** What a repeated question costs: milliseconds, and of a question that needs no QEMU. */
export interface Lag {
  readonly question: number;
  readonly trip: number;
}

async function lag({ host, patience }: Subject): Promise<Lag> {
  const asked = { emulator: undefined, arch: "x86_64", machine: "q35", virtType: "qemu", flags: 0 };
  const timed = async (ask: () => Promise<unknown>): Promise<number> => {
    const begun = Date.now();
    await ask();
    return Date.now() - begun;
  };
  const question = () => timed(() => host.session.call(hostCalls.domainCapabilities, asked, patience));
  // The first one may have to probe; a second slow one may be bad luck; three in a row are not.
  await question();
  const trip = await timed(() => host.session.call(connect.libVersion, undefined, patience));
  return { question: Math.min(await question(), await question()), trip };
}

/**
 * libvirt answers from its memory in some ten milliseconds, unless it finds its memory wrong each time
 * (measured, 9.0.0: about one second with three emulators).
 */
export function slowProbe({ question, trip }: Lag): Finding | undefined {
  if (question - trip < 500) return undefined;
  return {
    topic: "start",
    level: "warning",
    found: `the host takes ${question} ms to repeat what it can do`,
    means: `Perhaps ${AGAIN}: so it is where /dev/kvm is there and QEMU's user may not use it.`,
    remedy: DEVICE,
    commands: ["ls -l /dev/kvm; getent group kvm"],
  };
}
