import type { Agent } from "../agent/agent.js";
import { type Decoded, fields, flag, list, number, optional, text } from "../decode.js";
import { dhcp, disk, failure, machine, nat, pool, virtualSwitch } from "../view.js";
import { read, type Waiting } from "./ask.js";

const facts = fields({
  /** Build of Windows: 14393 is Server 2016, 17763 2019, 20348 2022, 26100 2025. */
  build: number,
  /** A Windows Server, and no Windows 10 or 11. */
  server: flag,
  powershell: text,
  user: text,
  computer: text,
  state: fields({
    /** Of the service vmms: `Running`, `Stopped`, …, `Absent`, `Unknown`. */
    vmms: text,
    /** Whether the PowerShell module Hyper-V is installed. */
    module: flag,
    administrator: flag,
    hyperVAdministrator: flag,
  }),
  sshd: text,
  /** Whether the module NetNat is there. */
  nat: flag,
  /** IPv4 addresses of the servers that answer its questions for names. */
  nameServers: list(text),
  /** What Hyper-V says of itself; without it `error` says why. */
  hyperV: optional(
    fields({
      module: text,
      processors: number,
      /** Bytes. */
      memory: number,
      machinePath: text,
      diskPath: text,
      /** Ends of the range of MAC addresses that Hyper-V hands out, twelve digits. */
      macMinimum: text,
      macMaximum: text,
      /** Versions of machines that this host runs. */
      versions: list(text),
      /** Whether it has the "Default Switch" of Windows 10 and 11. */
      defaultSwitch: flag,
    }),
  ),
  error: optional(failure),
});
export type HostFacts = Decoded<typeof facts>;

/** What kind of host it is. Answers also where Hyper-V is absent or stopped, or the login has no rights. */
export const hostFacts = (agent: Agent, waiting?: Waiting): Promise<HostFacts> =>
  read(agent, "host.facts", {}, facts, waiting);

const inventory = fields({
  machines: list(machine),
  switches: list(virtualSwitch),
  nats: list(nat),
  dhcp,
  /** Those of machines, and all in the folders of pools. */
  disks: list(disk),
  pools: list(pool),
});
export type Inventory = Decoded<typeof inventory>;

/** All that the host has, in one request. */
export const hostInventory = (agent: Agent, waiting?: Waiting): Promise<Inventory> =>
  read(agent, "host.inventory", {}, inventory, waiting);
