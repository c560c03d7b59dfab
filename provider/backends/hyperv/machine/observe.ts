import type { Recorded } from "../../../core/driver.js";
import { isLocalOnly } from "../../../kinds/address.js";
import { type Addresses, chosen } from "../../addresses.js";
import type { HypervHost } from "../host.js";
import { getMachine } from "../requests/machine.js";
import type { MachineView, SwitchView } from "../view.js";
import { type MachineMark, readMark } from "./mark.js";
import { beyond, readProperties, stateOf } from "./read.js";
import type { Machine, MachineObserved } from "./types.js";

/** A machine as the host has it now. `undefined` only when the host lists its machines and this is not among them. */
export async function observe(
  host: HypervHost,
  id: string,
  recorded?: Recorded<Machine>,
): Promise<MachineObserved | undefined> {
  const found = await find(host, id.toLowerCase());
  if (found === undefined) return undefined;
  const { machine, switches } = found;
  return observed(host, machine, switches, recorded);
}

/** From the inventory while nothing was written; then by one request, and one more where somebody else made the machine. */
async function find(host: HypervHost, id: string) {
  if (host.fresh) {
    const { machines, switches } = await host.view();
    const machine = machines.find((m) => m.id === id);
    return machine && { machine, switches };
  }
  const machine = await getMachine(host.agent, id);
  if (machine === undefined) return undefined;
  const marked = readMark(machine.notes).mark;
  const noted = machine.nics.every((nic) =>
    marked?.nics.some((n) => n.name === nic.name && (nic.switchId === "" || n.switchId === nic.switchId)),
  );
  return { machine, switches: noted ? [] : (await host.view()).switches };
}

function observed(
  host: HypervHost,
  machine: MachineView,
  switches: readonly SwitchView[],
  recorded: Recorded<Machine> | undefined,
): MachineObserved {
  const { mark } = readMark(machine.notes);
  const addresses = addressesOf(machine, mark);
  const properties = readProperties(machine, switches, recorded);
  return {
    id: machine.id,
    properties,
    outputs: {
      state: stateOf(machine.state),
      addresses,
      macs: Object.fromEntries(machine.nics.map((nic) => [nic.name, nic.mac])),
      ipAddress: chosen(addresses, recorded?.inputs.waitForAddress),
      host: host.uri.identity,
    },
    beyond: beyond(machine),
  };
}

/** What the guest's own service says, else what the network allotted. */
export function addressesOf(machine: MachineView, mark: MachineMark | undefined): Addresses {
  return Object.fromEntries(
    machine.nics.map(({ name, addresses }) => {
      const allotted = mark?.nics.find((n) => n.name === name)?.address?.address;
      const said = addresses.filter((a) => !isLocalOnly(a) && a !== allotted);
      return [name, [...(allotted === undefined ? [] : [allotted]), ...said]];
    }),
  );
}
