import { setTimeout as sleep } from "node:timers/promises";
import { isProviderError } from "../../../core/errors.js";
import type { Problem } from "../../../core/kind.js";
import type { LibvirtHost } from "../host.js";
import { uuidOf } from "../identity.js";
import { refuse } from "../refusal.js";
import { DomainXml } from "../rpc/flags.js";
import { domains } from "../rpc/procedures/domain.js";
import type { DomainRef } from "../rpc/types.js";
import { disksOfAll } from "../volume-use.js";
import { parseXml } from "../xml.js";
import { macOf, nicsOf } from "./ours.js";
import type { MachineInputs, MachineObserved } from "./types.js";

type Wanted = Partial<MachineInputs>;
type Now = MachineObserved | undefined;

const idOf = ({ owner, name }: Wanted, now: Now): string =>
  now?.id ?? uuidOf("VirtualMachine", owner ?? "", name ?? "");

/** What another machine of the host has already: a MAC that somebody chose, or a file that this one would write to. */
export const claimProblems = async (host: LibvirtHost, wanted: Wanted, now?: Now): Promise<Problem[]> =>
  (await Promise.all([macProblems(host, wanted, now), diskProblems(host, wanted, now)])).flat();

/** One call for each machine of the host; none where every MAC is derived or its own already. */
export async function macProblems(host: LibvirtHost, wanted: Wanted, now: Now): Promise<Problem[]> {
  const own = new Set(Object.values(now?.outputs.macs ?? {}));
  return (await macHolders(host, idOf(wanted, now), wanted.networks, own)).map(macProblem);
}

const macProblem = ({ mac, i, other }: Holder): Problem => ({
  path: `networks[${i}].mac`,
  reason: `"${mac}" is already the MAC of virtual machine "${other.name}": choose another, or leave it out`,
});

/** A machine that has a MAC which was chosen for the interface `i` of another one. */
interface Holder {
  readonly mac: string;
  readonly i: number;
  readonly other: DomainRef;
}

/** The other machines of the host that have a MAC which was chosen, with the place of its interface. Calls as `macProblems`. */
export async function macHolders(
  host: LibvirtHost,
  self: string,
  networks: Wanted["networks"] = [],
  own: ReadonlySet<string> = new Set(),
): Promise<readonly Holder[]> {
  const chosen = networks.flatMap(({ mac }, i) => (mac === undefined || own.has(mac) ? [] : [{ mac, i }]));
  if (chosen.length === 0) return [];
  const others = (await host.session.call(domains.list, { flags: 0 })).filter(({ uuid }) => uuid !== self);
  const taken = (await Promise.all(others.map((dom) => macsOf(host, dom, chosen)))).flat();
  return chosen.flatMap((one) => {
    const other = taken.find(({ mac }) => mac === one.mac)?.dom;
    return other === undefined ? [] : [{ ...one, other }];
  });
}

/** Milliseconds that another process has to take back a machine that it defined with the same MAC at the same time. */
const WITHDRAWAL = 10_000;

/**
 * Another look at a machine's chosen MACs once it is defined: libvirt lets two machines have one, so two processes may
 * have seen it free. Each sees the other then; the one with the lower UUID waits for the other to withdraw.
 *
 * @throws `exists`, property `networks[i].mac`, when this one has to.
 */
export async function settleMacs(host: LibvirtHost, uuid: string, wanted: MachineInputs): Promise<void> {
  for (const end = Date.now() + WITHDRAWAL; ; await sleep(100)) {
    const holders = await macHolders(host, uuid, wanted.networks);
    if (holders.length === 0) return;
    if (Date.now() > end || holders.some(({ other }) => other.uuid < uuid)) return refuse(holders.map(macProblem));
  }
}

/** Those of the MACs that a machine has, as it is defined. */
async function macsOf(host: LibvirtHost, dom: DomainRef, wanted: readonly { readonly mac: string }[]) {
  try {
    const text = await host.session.call(domains.xml, { dom, flags: DomainXml.inactive });
    // To read a document costs a hundred times as much as to search it.
    if (!wanted.some(({ mac }) => text.toLowerCase().includes(mac))) return [];
    return nicsOf(parseXml(text, `"${dom.name}"`)).map((nic) => ({ mac: macOf(nic), dom }));
  } catch (error) {
    if (isProviderError(error, "not-found")) return [];
    throw error;
  }
}

/** A file that two machines write to is destroyed. One call; QEMU locks what a running machine has below its disks. */
async function diskProblems(host: LibvirtHost, wanted: Wanted, now: Now): Promise<Problem[]> {
  const has = new Set(now?.properties.disks?.map((d) => d.volume ?? d.path));
  const written = (wanted.disks ?? []).flatMap((disk, i) => {
    const path = disk.volume ?? disk.path;
    const at = `disks[${i}].${disk.volume === undefined ? "path" : "volume"}`;
    return path === undefined || disk.readOnly || has.has(path) ? [] : [{ path, at }];
  });
  if (written.length === 0) return [];
  const self = idOf(wanted, now);
  const others = (await host.inventory.share("disks of all", () => disksOfAll(host))).filter(
    ({ domain }) => domain.uuid !== self,
  );
  return written.flatMap(({ path, at }) => {
    const user = others.find(({ domain, disks }) => disks.some((d) => d.path === path && !(d.below && domain.id >= 0)));
    if (user === undefined) return [];
    const { name, id } = user.domain;
    const reason = `"${path}" is a disk of the ${id >= 0 ? "running " : ""}virtual machine "${name}" already: take it from there first, or give another one`;
    return [{ path: at, reason }];
  });
}
