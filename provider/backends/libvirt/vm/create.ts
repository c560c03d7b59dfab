import type { Step } from "../../../core/driver.js";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import type { LibvirtHost } from "../host.js";
import { isUuid, uuidOf } from "../identity.js";
import { refuse, SAME_UUID_HINT, sameUuid } from "../refusal.js";
import { Define } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import { type DomainRef, domainRef } from "../rpc/types.js";
import { begin } from "./begin.js";
import { claimProblems, settleMacs } from "./claims.js";
import { definition } from "./definition.js";
import { leavingNothing, removeLeftovers } from "./leftovers.js";
import { undefine } from "./remove.js";
import { chooseVirtualisation, resolveDisks, resolveNics } from "./resolve.js";
import { seedFor } from "./seed.js";
import { explainingStart } from "./start-error.js";
import type { MachineInputs, Resolved, Virtualisation } from "./types.js";
import { addressWait } from "./wait.js";

/**
 * Makes a machine, or goes on with one that a broken-off attempt of the same owner defined. Thirteen calls for one disk,
 * one interface and a seed, beside the upload and what is asked of the host once.
 */
export async function create(host: LibvirtHost, wanted: MachineInputs, step: Step): Promise<void> {
  if (wanted.adopt !== undefined) return step.made(await existing(host, wanted.adopt));
  const uuid = uuidOf("VirtualMachine", wanted.owner, wanted.name);
  const isThere = await isOurs(host, wanted.name, uuid);
  host.inventory.forget();
  if (!isThere) refuse(await claimProblems(host, wanted));
  host.inventory.forget();
  const virtualisation = await chooseVirtualisation(host, wanted.acceleration, step);
  const { machine, dom } = await leavingNothing(
    async () => {
      const resolved = await resolve(host, uuid, wanted, virtualisation);
      const defined = await define(host, resolved);
      if (!isThere) await standing(host, defined, wanted, step);
      step.made(uuid);
      return { machine: resolved, dom: defined };
    },
    async () => (isThere ? undefined : removeLeftovers(host, uuid, wanted)),
  );
  if (wanted.autostart) await host.session.call(domains.setAutostart, { dom, autostart: true });
  const wait = await addressWait(host, machine, step);
  if (wanted.powerState !== "stopped") await explainingStart(host, machine, () => startFirst(host, machine, dom, step));
  await wait();
}

async function existing(host: LibvirtHost, named: string): Promise<string> {
  try {
    const asked = isUuid(named)
      ? host.session.call(domains.byUuid, { uuid: named.toLowerCase() })
      : host.session.call(domains.byName, { name: named });
    return (await asked).uuid;
  } catch (error) {
    if (!isProviderError(error, "not-found")) throw error;
    throw new ProviderError("invalid", `"${named}" is no virtual machine of the host`, {
      where: { property: "adopt" },
      hint: "Give the name or UUID of one that `virsh list --all` shows.",
      cause: error,
    });
  }
}

/** The name must be free, or belong to what an earlier attempt made: our UUID says so, and the answer is true. */
async function isOurs(host: LibvirtHost, name: string, uuid: string): Promise<boolean> {
  try {
    if ((await host.session.call(domains.byName, { name })).uuid === uuid) return true;
  } catch (error) {
    if (isProviderError(error, "not-found")) return false;
    throw error;
  }
  throw foreign(name);
}

const foreign = (name: string, cause?: unknown): ProviderError =>
  new ProviderError("exists", `a virtual machine "${name}" of somebody else is on the host`, {
    where: { property: "name" },
    hint: `Choose another name, or take it over with adopt: "${name}".`,
    cause,
  });

async function resolve(
  host: LibvirtHost,
  uuid: string,
  inputs: MachineInputs,
  virtualisation: Virtualisation,
): Promise<Resolved> {
  const disks = await resolveDisks(host, inputs.disks);
  const nics = await resolveNics(host, { uuid, name: inputs.name }, inputs.networks);
  const seed = await seedFor(host, { uuid, inputs, nics, disk: disks[0] });
  const arch = virtualisation === "test" ? "i686" : (await host.facts()).arch;
  return { uuid, inputs, virtualisation, arch, disks, nics, seed };
}

/** Takes the definition away again where another process has defined a machine with one of its MACs. @throws `exists` then. */
async function standing(host: LibvirtHost, dom: DomainRef, wanted: MachineInputs, step: Step): Promise<void> {
  try {
    await settleMacs(host, dom.uuid, wanted);
  } catch (error) {
    if (isProviderError(error, "exists")) await undefine(host, dom, false);
    else step.made(dom.uuid);
    throw error;
  }
}

async function define(host: LibvirtHost, machine: Resolved): Promise<DomainRef> {
  const dom = domainRef(machine.inputs.name, machine.uuid);
  try {
    await host.session.call(domains.define, { xml: definition(machine), flags: Define.validate });
  } catch (error) {
    const double = isProviderError(error) && /domain '(.*)' is already defined with uuid/.exec(error.fact)?.[1];
    if (isProviderError(error) && /domain '.*' already exists with uuid/.test(error.fact))
      throw foreign(machine.inputs.name, error);
    if (double) refuse([{ path: "name", reason: `${sameUuid(double)}: ${SAME_UUID_HINT}` }]);
    // A lost answer: the definition is there, or it is not.
    if (!isProviderError(error, "dropped")) throw error;
    await host.session.call(domains.byUuid, { uuid: machine.uuid });
  }
  return dom;
}

/**
 * The first start shows whether KVM really works: a processor that is offered and cannot run a guest (a host that is
 * itself virtual) is found only by trying. Under `auto` the guest is then emulated, which is said.
 */
async function startFirst(host: LibvirtHost, machine: Resolved, dom: DomainRef, step: Step): Promise<void> {
  const { acceleration } = machine.inputs;
  const { signal } = step;
  step.report("starting");
  try {
    await begin(host, { dom, machine, signal });
  } catch (error) {
    const isKvm = machine.virtualisation === "kvm" && error instanceof Error && /kvm/i.test(error.message);
    if (!isKvm || acceleration !== "auto") throw error;
    step.report(`KVM does not work on this host (${error.message}): the guest is emulated, which is slow`);
    const emulated = { ...machine, virtualisation: "qemu" } as const;
    await define(host, emulated);
    await begin(host, { dom, machine: emulated, signal });
  }
}
