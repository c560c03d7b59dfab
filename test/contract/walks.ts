import type { KindName } from "../../provider/kinds/index.js";
import type { Words } from "./fixture.js";
import type { Stand } from "./stand.js";

/**
 * Words laid over a valid declaration one after the other. Each is a change that must be made in place. `undefined`
 * takes a word out.
 */
export type Walk = (stand: Stand, base: Words) => Promise<readonly Words[]>;

const through =
  (property: string, ...values: readonly unknown[]): Walk =>
  async () =>
    values.map((value) => ({ [property]: value }));

const owner = through("owner", "contract/heir", "contract/suite");
const description = through("description", "first", "second", undefined);

/** The address with this last number in the base declaration's network. */
const inside = (base: Words, last: number) => String(base["cidr"]).replace(/\d+\/24$/, String(last));

const network: Readonly<Record<string, Walk>> = {
  owner,
  description,
  autostart: through("autostart", false, true),
  active: through("active", false, true),
  mode: through("mode", "isolated", "routed", "nat"),
  cidr: async (stand) => [{ cidr: stand.cidr() }, { cidr: stand.cidr() }],
  mtu: through("mtu", 1400, 1450, undefined),
  bridge: through("bridge", "cvr-contract0", "cvr-contract1", undefined),
  addressing: async (_stand, base) => [
    { addressing: "none" },
    { addressing: "dhcp", dhcp: { range: { start: inside(base, 100), end: inside(base, 110) } } },
    { addressing: "managed", dhcp: undefined },
  ],
  "dhcp (range)": async (_stand, base) => [
    { dhcp: { range: { start: inside(base, 100), end: inside(base, 110) } } },
    { dhcp: { range: { start: inside(base, 120), end: inside(base, 150) } } },
    { dhcp: undefined },
  ],
  "dhcp (hosts)": async (_stand, base) => {
    const [one, two] = ["52:54:00:aa:00:01", "52:54:00:aa:00:02"];
    return [
      { dhcp: { hosts: [{ mac: one, address: inside(base, 10) }] } },
      { dhcp: { hosts: [{ mac: one, address: inside(base, 11), name: "eleven" }] } },
      {
        dhcp: {
          hosts: [
            { mac: one, address: inside(base, 11), name: "eleven" },
            { mac: two, address: inside(base, 12) },
          ],
        },
      },
      { dhcp: { hosts: [{ mac: two, address: inside(base, 12) }] } },
      { dhcp: undefined },
    ];
  },
  "dns (hosts)": async (_stand, base) => [
    { dns: { hosts: [{ address: inside(base, 20), names: ["one"] }] } },
    { dns: { hosts: [{ address: inside(base, 20), names: ["one", "uno"] }] } },
    {
      dns: {
        hosts: [
          { address: inside(base, 20), names: ["one", "uno"] },
          { address: inside(base, 21), names: ["two"] },
        ],
      },
    },
    { dns: { hosts: [{ address: inside(base, 21), names: ["two"] }] } },
    { dns: undefined },
  ],
  "dns (domain)": through("dns", { domain: "one.example" }, { domain: "two.example" }, undefined),
};

const disks: Readonly<Record<string, Walk>> = {
  "disks (attached and detached)": async (stand) => {
    const [first, second] = [await stand.disk(), await stand.disk("second")];
    return [{ disks: [first, second] }, { disks: [first] }, { disks: [] }, { disks: [first] }];
  },
  "disks (renamed)": async (stand) => {
    const [first, second] = [await stand.disk(), await stand.disk("second")];
    return [
      { disks: [first, second] },
      {
        disks: [
          { ...first, name: "boots" },
          { ...second, name: "data" },
        ],
      },
    ];
  },
  "disks (bus)": async (stand) => [
    { disks: [await stand.disk("first", { bus: "scsi" })] },
    { disks: [await stand.disk("first", { bus: "sata" })] },
    { disks: [await stand.disk()] },
  ],
  "disks (order)": async (stand) => {
    const [first, second] = [await stand.disk(), await stand.disk("second")];
    return [{ disks: [first, second] }, { disks: [second, first] }, { disks: [first, second] }];
  },
  "disks (read only)": async (stand) => [
    { disks: [await stand.disk("first", { readOnly: true })] },
    { disks: [await stand.disk()] },
  ],
  "disks (another volume)": async (stand) => {
    const { outputs } = await stand.shared("Volume", "second");
    return [{ disks: [{ name: "first", volume: outputs["path"] }] }, { disks: [await stand.disk()] }];
  },
};

const nics: Readonly<Record<string, Walk>> = {
  "networks (attached and detached)": async (stand) => {
    const id = (await stand.shared("Network")).id;
    const [one, two] = [
      { name: "nic0", network: id },
      { name: "nic1", network: (await stand.shared("Network", "second")).id },
    ];
    return [{ networks: [one, two] }, { networks: [one] }, { networks: [] }, { networks: [one] }];
  },
  "networks (another network)": async (stand) => [
    { networks: [{ name: "nic0", network: (await stand.shared("Network", "second")).id }] },
    { networks: [{ name: "nic0", network: (await stand.shared("Network")).id }] },
  ],
  "networks (cable)": async (stand) => {
    const nic = { name: "nic0", network: (await stand.shared("Network")).id };
    return [{ networks: [{ ...nic, connected: false }] }, { networks: [nic] }];
  },
  "networks (model)": async (stand) => {
    const nic = { name: "nic0", network: (await stand.shared("Network")).id };
    return [{ networks: [{ ...nic, model: "e1000e" }] }, { networks: [nic] }];
  },
  "networks (vlan)": async (stand) => {
    const nic = { name: "nic0", network: (await stand.shared("Network")).id };
    return [{ networks: [{ ...nic, vlan: 7 }] }, { networks: [{ ...nic, vlan: 8 }] }, { networks: [nic] }];
  },
  "networks (mac)": async (stand) => {
    const nic = { name: "nic0", network: (await stand.shared("Network")).id };
    return [{ networks: [{ ...nic, mac: "52:54:00:bb:00:01" }] }, { networks: [{ ...nic, mac: "52:54:00:bb:00:02" }] }];
  },
  "networks (address)": async (stand) => {
    const { id, inputs } = await stand.shared("Network");
    const nic = { name: "nic0", network: id };
    return [200, 201].map((last) => ({ networks: [{ ...nic, address: inside(inputs, last) }] }));
  },
};

const machine: Readonly<Record<string, Walk>> = {
  owner,
  description,
  tags: through("tags", { a: "1" }, { a: "2", b: "3" }, { b: "3" }, undefined),
  cpus: through("cpus", 2, 1, 3),
  dynamicMemory: through(
    "dynamicMemory",
    { maximum: "4GiB" },
    { minimum: "32MiB", maximum: "2GiB", buffer: 50 },
    undefined,
  ),
  maxCpus: through("maxCpus", 2, 4, 3),
  memory: through("memory", "96MiB", "64MiB"),
  maxMemory: through("maxMemory", "128MiB", "192MiB"),
  firmware: async (_stand, base) =>
    (base["firmware"] === "bios" ? ["uefi", "bios"] : ["bios", "uefi"]).map((firmware) => ({ firmware })),
  secureBoot: async () => [{ firmware: "uefi", secureBoot: true }, { secureBoot: false }],
  tpm: through("tpm", true, false),
  guest: through("guest", "debian12", "win2k22", undefined),
  acceleration: async (_stand, base) =>
    (base["acceleration"] === "none" ? ["auto", "none"] : ["none", "auto"]).map((acceleration) => ({ acceleration })),
  ...disks,
  cdrom: async ({ fixture }) => [{ cdrom: fixture.cdroms[0] }, { cdrom: fixture.cdroms[1] }, { cdrom: undefined }],
  ...nics,
  cloudInit: through(
    "cloudInit",
    { userData: "#cloud-config\n{}\n" },
    { userData: "#cloud-config\nhostname: other\n", metaData: "instance-id: two\n" },
    undefined,
  ),
  powerState: through("powerState", "paused", "running", "stopped", "paused", "stopped", "running"),
  autostart: through("autostart", true, false),
};

/** A walk for every property that can change in place; the word in brackets tells several of one property apart. */
export const walks: Readonly<Record<KindName, Readonly<Record<string, Walk>>>> = {
  StoragePool: { owner, autostart: through("autostart", false, true), active: through("active", false, true) },
  Volume: { owner, size: through("size", "96MiB", "128MiB") },
  Network: network,
  VirtualMachine: machine,
};

/** A value for every property that has no walk, where a test needs one. */
export const samples: Words = {
  adopt: "contract-nothing",
  pool: "default",
  source: "/nowhere/image.qcow2",
  sha256: "0".repeat(64),
  base: "/nowhere/base.qcow2",
  format: "qcow2",
  provisioning: "thin",
  allowDataLoss: true,
  name: "contract-name",
  path: "/nowhere/pool",
  onDelete: "keep",
  build: true,
  shutdown: {},
  restartPolicy: "never",
  allowSnapshotLoss: true,
  waitForAddress: {},
};
