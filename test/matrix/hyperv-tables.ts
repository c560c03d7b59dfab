import { drivers } from "../../provider/backends/hyperv/index.js";
import type { KindName } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import type { Entry, Ground, Table } from "./entry.js";
import { addressIn, machine } from "./machine.js";
import { network, pool, volume } from "./others.js";

/** Names in place of objects of a Hyper-V host. */
const names: Ground = {
  volumes: ["C:\\pool\\a.vhdx", "C:\\pool\\b.vhdx", "C:\\pool\\c.vhdx", "C:\\pool\\d.vhdx"],
  files: ["C:\\files\\a.vhdx", "C:\\files\\b.vhdx"],
  isos: ["C:\\files\\a.iso", "C:\\files\\b.iso"],
  networks: ["10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002"],
  cidrs: ["10.88.1.0/24", "10.88.2.0/24"],
  bridges: ["br-a", "br-b"],
  pools: ["C:\\pool-a", "C:\\pool-b"],
  sources: ["/images/a.qcow2", "/images/b.qcow2"],
  sha256: "a".repeat(64),
  bases: ["C:\\pool\\base-a.vhdx", "C:\\pool\\base-b.vhdx"],
  folder: (name) => `C:\\folders\\${name}`,
};

/** What is different from the table of another backend: its own entries stand for those of the same title. */
type Own = Pick<Table, "driver" | "states" | "plain" | "shows"> & { entries(g: Ground): readonly Entry[] };

/** The table of another backend on hosts of this one: no place waits for a guest here, or for what a host lacks. */
function here(table: Table, { entries: own, ...more }: Own): Table {
  return {
    ...table,
    ...more,
    names,
    entries: (g, name) => {
      const mine = own(g);
      const kept = table.entries(g, name).filter(({ at }) => mine.every((entry) => entry.at !== at));
      return [...kept.map(({ guest: _, planOnly: __, states: ___, ...entry }) => entry), ...mine];
    },
  };
}

/** A switch and a folder are there, and know no other state. */
const ALWAYS: readonly string[] = ["there"];

const CIDR = "10.88.10.0/24";

const at = (last: number): string => addressIn(CIDR, last);
const range = { start: at(10), end: at(20) };
const [one, two] = ["52:54:00:dd:00:01", "52:54:00:dd:00:02"];
const reserved = (host: Words) => ({ dhcp: { range, hosts: [host] } });

/** Fixed addresses lie in a range here. */
const dhcp: readonly Entry[] = [
  { at: "dhcp", values: [{ range }, { range, hosts: [{ mac: one, address: at(10) }] }] },
  { at: "dhcp.range", with: { dhcp: {} }, values: [range, { start: at(9), end: at(30) }] },
  { at: "dhcp.range.start", with: { dhcp: { range: { end: at(50) } } }, values: [at(10), at(20)] },
  { at: "dhcp.range.end", with: { dhcp: { range: { start: at(10) } } }, values: [at(11), at(20)] },
  {
    at: "dhcp.hosts",
    with: { dhcp: { range } },
    values: [[{ mac: one, address: at(10), name: "ten" }], [{ mac: two, address: at(10), name: "ten" }]],
  },
  { at: "dhcp.hosts[].mac", with: reserved({ address: at(10) }), values: [one, two] },
  { at: "dhcp.hosts[].address", with: reserved({ mac: one }), values: [at(10), at(11)] },
  { at: "dhcp.hosts[].name", with: reserved({ mac: one, address: at(10) }), values: ["ten", "zehn"] },
];

const networks = here(network, {
  driver: drivers.Network as never,
  states: ALWAYS,
  plain: network.plain,
  shows: ({ dhcp }) => ({
    autostart: true,
    active: true,
    ...(dhcp === undefined ? {} : { dhcp: { hosts: [], ...(dhcp as Words) } }),
  }),
  entries: () => [
    ...dhcp,
    { at: "mode (private)", with: { cidr: undefined }, absent: { cidr: CIDR }, values: ["private", "private"] },
    {
      at: "bridge",
      with: { mode: "bridged", cidr: undefined, allowInterruption: true },
      absent: { mode: "nat", cidr: CIDR },
      values: ["Ethernet", "Ethernet 2"],
    },
  ],
});

const volumes = here(volume, {
  driver: drivers.Volume as never,
  states: volume.states,
  plain: volume.plain,
  shows: () => ({ format: "vhdx" }),
  entries: () => [{ at: "format", values: ["vhdx", "raw"] }],
});

const pools = here(pool, {
  driver: drivers.StoragePool as never,
  states: ALWAYS,
  plain: pool.plain,
  shows: () => ({ autostart: true, active: true }),
  entries: () => [],
});

const BIOS: Words = { firmware: "bios" };

/** Generation 1: disks on IDE, and interfaces that stay while it runs. */
const firstGeneration = (g: Ground): readonly Entry[] => {
  const disk = (name: string, i: number, more: Words = {}) => ({ name, volume: g.volumes[i], ...more });
  const [root, data] = [disk("root", 0), disk("data", 1)];
  const lan = { name: "lan", network: g.networks[0] };
  const second = { name: "second", network: g.networks[1] };
  return [
    {
      at: "disks (bios, one that did not boot)",
      with: BIOS,
      absent: { disks: [root] },
      values: [
        [root, data],
        [root, disk("more", 2)],
      ],
    },
    {
      at: "disks (bios, on IDE)",
      with: BIOS,
      absent: { disks: [root] },
      values: [
        [root, disk("data", 1, { bus: "sata" })],
        [root, disk("more", 2, { bus: "sata" })],
      ],
    },
    { at: "disks[].bus (bios)", with: BIOS, values: ["sata", "scsi"] },
    {
      at: "networks (bios)",
      with: BIOS,
      absent: { networks: [lan] },
      values: [
        [lan, second],
        [lan, { ...second, name: "third" }],
      ],
    },
    { at: "networks[].mac (bios)", with: BIOS, values: ["52:54:00:cc:01:01", "52:54:00:cc:01:02"] },
    { at: "cdrom (bios)", with: BIOS, values: [g.isos[0], g.isos[1]] },
    {
      at: "cloudInit (bios)",
      with: BIOS,
      values: [{ userData: "#!/bin/true\n" }, { metaData: "instance-id: other\n" }],
    },
  ];
};

/** Words for the bus that mean the same place are shown as they are wanted. */
const asWanted = (disks: readonly Words[], wanted: readonly Words[], bios: boolean): readonly Words[] =>
  disks.map((disk, i) => {
    const bus = wanted.find(({ name }) => name === disk["name"])?.["bus"] ?? disk["bus"];
    const same = (bios && i === 0) || (bus !== "sata" && disk["bus"] !== "sata");
    return { format: "vhdx", ...disk, ...(same ? { bus } : {}) };
  });

const machines = here(machine, {
  driver: drivers.VirtualMachine as never,
  states: machine.states,
  plain: (g, name) => ({ ...machine.plain(g, name), firmware: "uefi" }),
  shows: ({ dynamicMemory, memory, disks, firmware }, _state, { maxMemory, disks: wanted }) => ({
    maxMemory,
    dynamicMemory:
      dynamicMemory === undefined ? undefined : { minimum: memory, buffer: 20, ...(dynamicMemory as Words) },
    disks: asWanted(disks as readonly Words[], wanted as readonly Words[], firmware === "bios"),
  }),
  entries: (g) => [
    { at: "powerState", values: ["paused", "stopped"], states: ["running"] },
    { at: "firmware", absent: { firmware: undefined }, values: ["bios", "uefi"] },
    { at: "acceleration (required)", values: ["required", "auto"] },
    { at: "disks[].format", values: ["vhdx", "raw"] },
    { at: "guest (with Secure Boot)", with: { secureBoot: true }, values: ["debian12", "win2k22"] },
    { at: "memory (dynamic)", with: { dynamicMemory: { maximum: "1GiB" } }, values: ["64MiB", "96MiB"] },
    ...firstGeneration(g),
  ],
});

/** What every property of every kind is tried with on a Hyper-V host. */
export const hypervTables: Readonly<Record<KindName, Table>> = {
  StoragePool: pools,
  Volume: volumes,
  Network: networks,
  VirtualMachine: machines,
};
