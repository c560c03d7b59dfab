import { network as networks } from "../../provider/backends/libvirt/network.js";
import { storagePool } from "../../provider/backends/libvirt/storage-pool.js";
import { volume as volumes } from "../../provider/backends/libvirt/volume.js";
import type { Words } from "../contract/fixture.js";
import type { Entry, Table } from "./entry.js";
import { addressIn } from "./machine.js";
import { names } from "./names.js";

const CIDR = "10.88.10.0/24";
const at = (last: number) => addressIn(CIDR, last);
const [one, two] = ["52:54:00:dd:00:01", "52:54:00:dd:00:02"];
const range = { start: at(100), end: at(110) };

const dhcp: readonly Entry[] = [
  { at: "dhcp", values: [{ range }, { hosts: [{ mac: one, address: at(10) }] }] },
  { at: "dhcp.range", with: { dhcp: {} }, values: [range, { start: at(120), end: at(150) }] },
  { at: "dhcp.range.start", with: { dhcp: { range: { end: at(150) } } }, values: [at(100), at(120)] },
  { at: "dhcp.range.end", with: { dhcp: { range: { start: at(100) } } }, values: [at(110), at(120)] },
  {
    at: "dhcp.hosts",
    with: { dhcp: { range } },
    values: [[{ mac: one, address: at(10), name: "ten" }], [{ mac: two, address: at(10), name: "ten" }]],
  },
  { at: "dhcp.hosts[].mac", with: { dhcp: { hosts: [{ address: at(10) }] } }, values: [one, two] },
  { at: "dhcp.hosts[].address", with: { dhcp: { hosts: [{ mac: one }] } }, values: [at(10), at(11)] },
  { at: "dhcp.hosts[].name", with: { dhcp: { hosts: [{ mac: one, address: at(10) }] } }, values: ["ten", "zehn"] },
];

const dns: readonly Entry[] = [
  { at: "dns", values: [{ domain: "one.example" }, { hosts: [{ address: at(20), names: ["one"] }] }] },
  { at: "dns.domain", with: { dns: {} }, values: ["one.example", "two.example"] },
  {
    at: "dns.hosts",
    with: { dns: {} },
    values: [[{ address: at(20), names: ["one"] }], [{ address: at(21), names: ["one", "two"] }]],
  },
  { at: "dns.hosts[].address", with: { dns: { hosts: [{ names: ["one"] }] } }, values: [at(20), at(21)] },
  { at: "dns.hosts[].names", with: { dns: { hosts: [{ address: at(20) }] } }, values: [["one"], ["one", "uno"]] },
];

export const network: Table = {
  kind: "Network",
  driver: networks as never,
  names,
  states: ["active", "stopped"],
  plain: (_g, name) => ({ owner: "matrix/suite", name, cidr: CIDR }),
  shows: ({ active, dhcp, dns }, state) => ({
    active: state !== "stopped" && active,
    dhcp: { hosts: [], ...(dhcp as Words) },
    dns: { domain: "", hosts: [], ...(dns as Words) },
  }),
  entries: (_g, name) => [
    { at: "owner", values: ["matrix/heir", "matrix/other"] },
    { at: "adopt", values: ["nothing", "nobody"] },
    { at: "name", values: [`${name}-a`, `${name}-b`] },
    { at: "description", values: ["first", "second"] },
    { at: "mode", values: ["isolated", "routed"] },
    { at: "cidr", values: [CIDR, "10.88.11.0/24"] },
    { at: "addressing", values: ["none", "managed"] },
    { at: "addressing (dhcp)", with: { dhcp: { range } }, values: ["dhcp", "managed"] },
    ...dhcp,
    ...dns,
    { at: "mtu", values: [1400, 1450] },
    { at: "bridge", values: ["cvr-matrix0", "cvr-matrix1"] },
    { at: "allowInterruption", values: [true, false] },
    { at: "autostart", values: [false, true] },
    { at: "active", values: [false, true], states: ["active"] },
  ],
};

export const volume: Table = {
  kind: "Volume",
  driver: volumes as never,
  names,
  states: ["free", "of a stopped machine", "of a running machine"],
  plain: (g, name) => ({ owner: "matrix/suite", name, pool: g.pools[0], size: "64MiB", allowDataLoss: true }),
  shows: () => ({}),
  entries: (g, name) => [
    { at: "owner", values: ["matrix/heir", "matrix/other"] },
    { at: "adopt", values: ["nothing", "nobody"] },
    { at: "name", values: [`${name}-a`, `${name}-b`] },
    { at: "pool", with: { pool: undefined }, values: [g.pools[0], g.pools[1]] },
    { at: "size", values: ["64MiB", "96MiB"] },
    { at: "size (over a base)", with: { base: g.bases[0] }, values: ["128MiB", "192MiB"] },
    { at: "source", values: [g.sources[0], g.sources[1]] },
    { at: "sha256", with: { source: g.sources[0] }, values: [g.sha256, "0".repeat(64)] },
    { at: "base", values: [g.bases[0], g.bases[1]] },
    { at: "format", values: ["raw", "qcow2"] },
    { at: "provisioning", values: ["thick", "thin"] },
    { at: "allowDataLoss", values: [true, false] },
  ],
};

const planOnly = "needs a volume group or a file server: test/libvirt/pool-group.test.ts and pool-share.test.ts";
const shared = { host: "nas", path: "/srv/a", format: "nfs" };
const share = { type: "netfs", source: shared };
const group = { type: "logical", path: undefined };

const places: readonly Entry[] = [
  { at: "type", with: { path: undefined }, absent: { path: "/srv/a" }, values: ["logical", "netfs"], planOnly },
  { at: "source", with: group, values: [{ name: "vg0" }, { name: "vg1" }], planOnly },
  { at: "source.host", with: share, values: ["nas", "other"], planOnly },
  { at: "source.path", with: share, values: ["/srv/a", "/srv/b"], planOnly },
  {
    at: "source.format",
    with: { ...share, source: { ...shared, path: "a" } },
    values: ["glusterfs", "cifs"],
    planOnly,
  },
  { at: "source.options", with: share, values: [["nfsvers=4.2"], ["nfsvers=4.2", "noatime"]], planOnly },
  { at: "source.name", with: { ...group, source: {} }, values: ["vg0", "vg1"], planOnly },
  { at: "source.devices", with: { ...group, source: {} }, values: [["/dev/sdb"], ["/dev/sdc"]], planOnly },
  { at: "build", with: { ...group, source: { devices: ["/dev/sdb"] } }, values: [true, false], planOnly },
];

export const pool: Table = {
  kind: "StoragePool",
  driver: storagePool as never,
  names,
  states: ["started", "stopped"],
  plain: (g, name) => ({ owner: "matrix/suite", name, path: g.folder(name) }),
  shows: ({ active }, state) => ({ active: state !== "stopped" && active }),
  entries: (g, name) => [
    { at: "owner", values: ["matrix/heir", "matrix/other"] },
    { at: "adopt", values: ["nothing", "nobody"] },
    { at: "name", values: [`${name}-a`, `${name}-b`] },
    { at: "path", values: [g.folder(`${name}-1`), g.folder(`${name}-2`)] },
    ...places,
    { at: "autostart", values: [false, true] },
    { at: "active", values: [false, true], states: ["started"] },
    { at: "onDelete", values: ["delete", "keep"] },
  ],
};
