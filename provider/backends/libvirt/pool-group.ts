import { ProviderError } from "../../core/errors.js";
import type { InputsOf, Problem } from "../../core/kind.js";
import { groupOf, type Kinds } from "../../kinds/index.js";
import type { LibvirtHost } from "./host.js";
import { poolFailure } from "./pool-failure.js";
import { pools } from "./rpc/index.js";
import { usesOf } from "./volume-use.js";
import { attribute, childrenOf, parseXml, textAt } from "./xml.js";

/**
 * The LVM volume groups of a host by name, with the devices that they lie on as LVM spells them. One call, shared.
 *
 * @throws `unsupported`, property `type`, when the host has no LVM.
 */
export const groupsOf = (host: LibvirtHost): Promise<ReadonlyMap<string, readonly string[]>> =>
  host.inventory.share("volume groups", async () => {
    try {
      const xml = await host.session.call(pools.findSources, { type: "logical", spec: undefined, flags: 0 });
      const sources = childrenOf(parseXml(xml, "its volume groups"), "source");
      const devices = (source: (typeof sources)[number]) =>
        childrenOf(source, "device").flatMap((d) => attribute(d, "path") ?? []);
      return new Map(sources.map((source) => [textAt(source, "name") ?? "", devices(source)]));
    } catch (error) {
      throw poolFailure(error, { type: "logical" });
    }
  });

/** What the host's volume groups have against a pool of type `logical`. */
export async function groupProblems(
  host: LibvirtHost,
  wanted: Partial<InputsOf<Kinds["StoragePool"]>>,
): Promise<readonly Problem[]> {
  const name = groupOf(wanted);
  if (name === "") return [];
  let groups: ReadonlyMap<string, readonly string[]>;
  try {
    groups = await groupsOf(host);
  } catch (error) {
    if (!(error instanceof ProviderError) || error.where.property !== "type") throw error;
    return [{ path: "type", reason: `cannot be "logical": ${error.fact}. ${error.hint ?? ""}` }];
  }
  const on = groups.get(name);
  const devices = wanted.source?.devices ?? [];
  const problems = devices.map((device, i) =>
    on === undefined ? newDevice(host, groups, device, i) : wrongDevice(name, on, device, i),
  );
  const found = (await Promise.all(problems)).flat();
  if (on !== undefined || wanted.build === true) return found;
  const path = wanted.source?.name === undefined ? "name" : "source.name";
  const reason = `must be a volume group of the host: there is no "${name}". Name one, or set build to true and give source.devices`;
  return [{ path, reason }, ...found];
}

const wrongDevice = (group: string, on: readonly string[], device: string, i: number): Problem[] =>
  on.includes(device)
    ? []
    : [
        {
          path: `source.devices[${i}]`,
          reason: `must be a device of the volume group "${group}", which lies on ${on.join(", ")}, not "${device}"`,
        },
      ];

async function newDevice(
  host: LibvirtHost,
  groups: ReadonlyMap<string, readonly string[]>,
  device: string,
  i: number,
): Promise<Problem[]> {
  const path = `source.devices[${i}]`;
  const owner = [...groups].find(([, devices]) => devices.includes(device))?.[0];
  if (owner !== undefined) return [{ path, reason: `"${device}" belongs to the volume group "${owner}" already` }];
  const [use] = await usesOf(host, device, { pool: "", name: "", key: device });
  return use === undefined
    ? []
    : [
        {
          path,
          reason: `"${device}" is a disk of the virtual machine "${use.domain.name}": nothing is ever written over`,
        },
      ];
}
