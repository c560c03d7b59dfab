import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import type { Words } from "../contract/fixture.js";
import { quickly } from "../contract/libvirt-fixture.js";
import type { Entry, Ground, Table } from "./entry.js";
import { names } from "./names.js";

const disks = (g: Ground): readonly Entry[] => {
  const root = { name: "root", volume: g.volumes[0] };
  const data = { name: "data", volume: g.volumes[1] };
  const file = { disks: [root, { name: "data", path: g.files[0] }] };
  return [
    {
      at: "disks",
      values: [
        [root, data],
        [data, root],
      ],
    },
    {
      at: "disks (one that did not boot)",
      absent: { disks: [root, data] },
      values: [
        [root, data, { name: "more", volume: g.volumes[2] }],
        [root, data, { name: "other", volume: g.volumes[3] }],
      ],
      guest: true,
    },
    { at: "disks[].name", values: ["alpha", "beta"] },
    {
      at: "disks[].name (of the one that boots)",
      with: { disks: [{ volume: g.volumes[0] }] },
      values: ["alpha", "beta"],
    },
    { at: "disks[].volume", with: { disks: [root, { name: "data" }] }, values: [g.volumes[1], g.volumes[2]] },
    { at: "disks[].path", with: { disks: [root, { name: "data" }] }, values: [g.files[0], g.files[1]] },
    { at: "disks[].format", with: file, values: ["qcow2", "raw"] },
    { at: "disks[].bus", values: ["scsi", "sata"] },
    { at: "disks[].readOnly", values: [true, false] },
  ];
};

const nics = (g: Ground, name: string): readonly Entry[] => {
  // The machines of all states are on the same networks.
  const first = 200 + 10 * ["running", "stopped", "paused"].indexOf(name);
  const mac = (last: number) => `52:54:00:cc:00:${last.toString(16)}`;
  const lan = { name: "lan", network: g.networks[0] };
  const second = { name: "second", network: g.networks[1] };
  const bare = { networks: [lan, { name: "second" }] };
  return [
    {
      at: "networks",
      absent: { networks: [lan] },
      values: [
        [lan, second],
        [lan, { ...second, name: "third" }],
      ],
      guest: true,
    },
    { at: "networks[].name", values: ["alpha", "beta"], guest: true },
    { at: "networks[].network", with: bare, values: [g.networks[1], g.networks[0]] },
    { at: "networks[].bridge", with: bare, values: [g.bridges[0], g.bridges[1]] },
    { at: "networks[].mac", values: [mac(first), mac(first + 1)], guest: true },
    { at: "networks[].address", values: [addressIn(g.cidrs[1], first), addressIn(g.cidrs[1], first + 1)] },
    { at: "networks[].vlan", values: [100, 200] },
    { at: "networks[].model", values: ["e1000e", "virtio"], guest: true },
    { at: "networks[].connected", values: [false, true] },
  ];
};

/** The address with this last number in a cidr of prefix 24. */
export const addressIn = (cidr: string | undefined, last: number): string =>
  String(cidr).replace(/\d+\/24$/, String(last));

const seeds: readonly Entry[] = [
  { at: "cloudInit", values: [{ userData: "#!/bin/true\n" }, { metaData: "instance-id: other\n" }] },
  {
    at: "cloudInit.userData",
    with: { cloudInit: { metaData: "a: b\n" } },
    values: ["#!/bin/true\n", "#!/bin/false\n"],
  },
  { at: "cloudInit.metaData", with: { cloudInit: { userData: "#!/bin/true\n" } }, values: ["a: b\n", "a: c\n"] },
  {
    at: "cloudInit.networkConfig",
    with: { cloudInit: { userData: "#!/bin/true\n" } },
    values: ["version: 2\n", "version: 2\nethernets: {}\n"],
  },
];

/** Words about how to act: they change nothing by themselves. */
const policies: readonly Entry[] = [
  { at: "adopt", values: ["nothing", "nobody"] },
  { at: "shutdown", with: { shutdown: undefined }, values: [quickly["shutdown"], { ...shutdownOf(), timeout: 2 }] },
  { at: "shutdown.method", values: ["agent", "acpi"] },
  { at: "shutdown.timeout", values: [2, 1] },
  { at: "shutdown.onTimeout", values: ["fail", "force"] },
  { at: "restartPolicy", values: ["never", "ifNeeded"] },
  { at: "allowSnapshotLoss", values: [true, false] },
  { at: "waitForAddress", values: [{}, { timeout: "1m" }] },
  { at: "waitForAddress.nic", with: { waitForAddress: {} }, values: ["lan", "second"] },
  { at: "waitForAddress.family", with: { waitForAddress: {} }, values: ["ipv6", "any"] },
  { at: "waitForAddress.cidr", with: { waitForAddress: {} }, values: ["10.0.0.0/8", "0.0.0.0/0"] },
  { at: "waitForAddress.timeout", with: { waitForAddress: {} }, values: ["1m", "2m"] },
];

function shutdownOf(): Words {
  return quickly["shutdown"] as Words;
}

const sizes: readonly Entry[] = [
  { at: "cpus", values: [2, 3] },
  { at: "cpus (up to maxCpus)", with: { maxCpus: 4 }, values: [2, 3] },
  { at: "maxCpus", values: [2, 4] },
  { at: "memory", absent: { memory: "64MiB" }, values: ["96MiB", "128MiB"], fresh: true },
  { at: "memory (up to maxMemory)", with: { maxMemory: "1GiB" }, values: ["64MiB", "96MiB"] },
  { at: "maxMemory", values: ["128MiB", "192MiB"] },
  { at: "dynamicMemory", values: [{ maximum: "128MiB" }, { maximum: "192MiB" }] },
  { at: "dynamicMemory.minimum", with: { dynamicMemory: { maximum: "1GiB" } }, values: ["32MiB", "48MiB"] },
  { at: "dynamicMemory.maximum", with: { dynamicMemory: { minimum: "32MiB" } }, values: ["128MiB", "192MiB"] },
  { at: "dynamicMemory.buffer", with: { dynamicMemory: { maximum: "1GiB" } }, values: [10, 50] },
];

export const machine: Table = {
  kind: "VirtualMachine",
  driver: virtualMachine as never,
  names,
  states: ["running", "stopped", "paused"],
  plain: (g, name) => ({
    owner: "matrix/suite",
    name,
    firmware: "bios",
    memory: "64MiB",
    ...quickly,
    disks: [
      { name: "root", volume: g.volumes[0] },
      { name: "data", volume: g.volumes[1] },
    ],
    networks: [
      { name: "lan", network: g.networks[0] },
      { name: "second", network: g.networks[1] },
    ],
  }),
  inState: (state) => (state === "running" ? {} : { powerState: state }),
  shows: ({ cpus, maxCpus, memory, maxMemory }) => ({
    maxCpus: Math.max(Number(maxCpus ?? 0), Number(cpus)),
    maxMemory: Math.max(Number(maxMemory ?? 0), Number(memory)),
  }),
  entries: (g, name) => [
    { at: "owner", values: ["matrix/heir", "matrix/other"] },
    { at: "name", values: [`${name}-a`, `${name}-b`] },
    { at: "description", values: ["first", "second"] },
    { at: "tags", values: [{ a: "1" }, { a: "2", b: "3" }] },
    ...sizes,
    { at: "firmware", values: ["bios", "uefi"] },
    { at: "secureBoot", with: { firmware: "uefi" }, values: [true, false] },
    { at: "tpm", values: [true, false] },
    { at: "guest", values: ["debian12", "win2k22"] },
    { at: "acceleration", values: ["none", "auto"] },
    ...disks(g),
    { at: "cdrom", values: [g.isos[0], g.isos[1]] },
    ...nics(g, name),
    ...seeds,
    { at: "powerState", values: ["paused", "stopped"], states: ["running"] },
    { at: "autostart", values: [true, false] },
    ...policies,
  ],
};
