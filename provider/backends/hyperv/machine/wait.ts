import { setTimeout as sleep } from "node:timers/promises";
import type { Step } from "../../../core/driver.js";
import { ProviderError } from "../../../core/errors.js";
import { chosen } from "../../addresses.js";
import type { HypervHost } from "../host.js";
import { getMachine } from "../requests/machine.js";
import type { MachineMark } from "./mark.js";
import { addressesOf } from "./observe.js";
import type { MachineInputs } from "./types.js";

/** A guest tells its addresses to the host without any event, so the host is asked this often. Milliseconds. */
const EVERY_MS = 1000;

/** Waits for an address where the declaration asks for one. One that the network allotted is there before the guest. */
export async function addressWait(
  host: HypervHost,
  id: string,
  { wanted, mark }: { readonly wanted: MachineInputs; readonly mark: MachineMark | undefined },
  { report, signal }: Step,
): Promise<void> {
  const { waitForAddress: wait, powerState } = wanted;
  if (wait === undefined || powerState !== "running") return;
  report(`waiting up to ${wait.timeout} s for an address`);
  const end = Date.now() + wait.timeout * 1000;
  let told = "";
  for (;;) {
    const machine = await getMachine(host.agent, id, { signal });
    const addresses = machine === undefined ? {} : addressesOf(machine, mark);
    if (chosen(addresses, wait) !== undefined) return;
    told = Object.entries(addresses)
      .map(([name, list]) => `${name}: ${list.join(", ") || "none told"}`)
      .join("; ");
    if (Date.now() >= end) break;
    await sleep(Math.min(EVERY_MS, Math.max(0, end - Date.now())), undefined, { signal });
  }
  throw new ProviderError(
    "timeout",
    `the guest has no address that fits after ${wait.timeout} s (${told || "it has no interfaces"})`,
    {
      where: { property: "waitForAddress" },
      hint: "Look at the guest: does it boot, and do its Hyper-V daemons run (linux-cloud-tools, hyperv-daemons)?",
    },
  );
}
