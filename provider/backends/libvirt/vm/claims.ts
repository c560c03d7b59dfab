import { isProviderError } from "../../../core/errors.js";
import type { Problem } from "../../../core/kind.js";
import type { LibvirtHost } from "../host.js";
import { uuidOf } from "../identity.js";
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
  const networks = wanted.networks ?? [];
  const chosen = networks.flatMap(({ mac }, i) => (mac === undefined || own.has(mac) ? [] : [{ mac, i }]));
  if (chosen.length === 0) return [];
  const self = idOf(wanted, now);
  const others = (await host.session.call(domains.list, { flags: 0 })).filter(({ uuid }) => uuid !== self);
  const taken = (await Promise.all(others.map((dom) => macsOf(host, dom, chosen)))).flat();
  return chosen.flatMap(({ mac, i }) => {
    const other = taken.find((t) => t.mac === mac);
    if (other === undefined) return [];
    const reason = `"${mac}" is already the MAC of virtual machine "${other.name}": choose another, or leave it out`;
    return [{ path: `networks[${i}].mac`, reason }];
  });
}

/** Those of the MACs that a machine has, as it is defined. */
async function macsOf(host: LibvirtHost, dom: DomainRef, wanted: readonly { readonly mac: string }[]) {
  try {
    const text = await host.session.call(domains.xml, { dom, flags: DomainXml.inactive });
    // To read a document costs a hundred times as much as to search it.
    if (!wanted.some(({ mac }) => text.toLowerCase().includes(mac))) return [];
    return nicsOf(parseXml(text, `"${dom.name}"`)).map((nic) => ({ mac: macOf(nic), name: dom.name }));
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
