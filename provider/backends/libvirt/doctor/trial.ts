import { randomUUID } from "node:crypto";
import { Create } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import { type DomainRef, domainRef } from "../rpc/types.js";
import { cpuTree } from "../vm/definition.js";
import { type Tree, write } from "../xml.js";
import type { Subject } from "./check.js";

/** A machine that is tried: it has no network, and nothing on the host belongs to it but what `disks` names. */
export interface Trial {
  readonly name: string;
  readonly virtualisation: "kvm" | "qemu";
  readonly disks?: readonly Tree[];
  readonly paused: boolean;
}

/** Milliseconds that its end may take. */
const ENDING = 30_000;

/**
 * Starts a machine that is nowhere defined, hands it over and ends it. The daemon ends it by itself when this process
 * dies (autodestroy). What stays is its log in the host's folder of logs, which no call can take away: so names are few.
 */
export async function withTrial<T>(subject: Subject, trial: Trial, use: (dom: DomainRef) => Promise<T>): Promise<T> {
  const { session } = subject.host;
  const dom = domainRef(trial.name, randomUUID());
  const flags = Create.autodestroy | (trial.paused ? Create.paused : 0);
  subject.look.report(`starting an empty machine for a moment: ${trial.name}`);
  await session.call(domains.createXml, { xml: trialXml(dom, trial), flags }, subject.patience);
  try {
    return await use(dom);
  } finally {
    await session.call(domains.destroy, { dom, flags: 0 }, { timeoutMs: ENDING }).catch(() => undefined);
  }
}

/** The processor is that of our machines: another one may work where that does not. */
function trialXml(dom: DomainRef, { virtualisation, disks = [] }: Trial): string {
  return write([
    "domain",
    { type: virtualisation },
    ["name", {}, dom.name],
    ["uuid", {}, dom.uuid],
    ["memory", { unit: "MiB" }, "32"],
    ["vcpu", {}, "1"],
    ["os", {}, ["type", { arch: "x86_64", machine: "q35" }, "hvm"]],
    ["features", {}, ["acpi"], ["apic"]],
    cpuTree(virtualisation),
    ["devices", {}, ["controller", { type: "usb", model: "none" }], ...disks, ["memballoon", { model: "none" }]],
  ]);
}
