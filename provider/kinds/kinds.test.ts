import { describe, expect, test } from "vitest";
import { check } from "../core/engine.js";
import type { Kind } from "../core/kind.js";
import type { AnyProperty, Properties, Shape } from "../core/schema.js";
import { UNKNOWN } from "../core/values.js";
import { type KindName, kinds } from "./index.js";

/** A backend that can do everything. */
const all = ({ properties }: Kind) => ({
  support: Object.fromEntries(Object.keys(properties).map((p) => [p, true as const])),
});
const checked = (name: KindName, written: unknown) => {
  const kind: Kind = kinds[name];
  return check(kind, all(kind), written);
};

const base: Readonly<Record<KindName, Readonly<Record<string, unknown>>>> = {
  StoragePool: { name: "a", path: "/srv/a" },
  Volume: { name: "a", size: "1GiB" },
  Network: { name: "a", cidr: "10.0.0.0/24" },
  VirtualMachine: { name: "a" },
};
const hosts = (...list: unknown[]) => ({ dhcp: { hosts: list } });
const mac = "52:54:00:00:00:01";

type Row = readonly [kind: KindName, words: Readonly<Record<string, unknown>>, path: string, reason: string | RegExp];

const bad: readonly Row[] = [
  ["StoragePool", { path: undefined }, "path", /is missing/],
  ["StoragePool", { path: "srv" }, "path", 'must be an absolute path on the host, not "srv"'],
  ["StoragePool", { path: "/srv/\n" }, "path", "must not contain control characters"],
  ["StoragePool", { name: "a/b" }, "name", /must not contain slashes/],
  ["StoragePool", { name: "" }, "name", "must have 1 to 100 characters"],
  ["StoragePool", { name: "-rf" }, "name", /must not begin with a dot, dash or space/],
  ["StoragePool", { name: ".." }, "name", /must not begin with a dot, dash or space/],
  ["StoragePool", { onDelete: "destroy" }, "onDelete", 'must be one of keep, delete, not "destroy"'],
  ["Volume", { size: "1XiB" }, "size", /must be a whole number of bytes or text such as "2GiB"/],
  ["Volume", { size: -1 }, "size", "must not be negative, not -1"],
  ["Volume", { size: "-1GiB" }, "size", /must be a whole number of bytes or text/],
  ["Volume", { size: 0 }, "size", "must be at least 512 bytes, not 0 bytes"],
  ["Volume", { size: 1000 }, "size", "must be a multiple of 512 bytes, not 1000 bytes"],
  ["Volume", { size: undefined }, "size", /is missing: only a volume with `source` or `base`/],
  ["Volume", { source: "/i.img", base: "/v/b" }, "base", /must not be given with `source`/],
  ["Volume", { sha256: "0".repeat(64) }, "sha256", "must not be given without `source`"],
  ["Volume", { source: "/i.img", sha256: "0F" }, "sha256", "must be 64 lower-case hexadecimal digits"],
  ["Volume", { base: "/v/b", format: "raw" }, "format", /must not be "raw" with `base`/],
  ["Volume", { base: "b" }, "base", /must be an absolute path/],
  ["Volume", { format: "vmdk" }, "format", /must be one of qcow2, raw/],
  ["Volume", { sise: 1 }, "sise", 'is not a property: did you mean "size"?'],
  ["Network", { cidr: "10.0.0.0/33" }, "cidr", /must be an IPv4 network such as/],
  ["Network", { cidr: "10.0.0.5/24" }, "cidr", 'must name the network itself: "10.0.0.0/24", not "10.0.0.5/24"'],
  ["Network", { cidr: undefined }, "cidr", /is missing: mode "nat" needs a network/],
  ["Network", { mode: "private" }, "cidr", /must not be given with mode "private"/],
  ["Network", { mode: "bridged", cidr: undefined }, "bridge", /is missing: mode "bridged" needs/],
  [
    "Network",
    { mode: "bridged", cidr: undefined, bridge: "br0", addressing: "dhcp", dhcp: undefined },
    "addressing",
    'must be "none" with mode "bridged"',
  ],
  ["Network", { addressing: "dhcp" }, "dhcp.range", /is missing: "dhcp" addressing needs/],
  ["Network", { addressing: "none", ...hosts() }, "dhcp", 'must not be given with addressing "none"'],
  [
    "Network",
    { dhcp: { range: { start: "10.0.0.9", end: "10.0.0.5" } } },
    "dhcp.range",
    "must not end before it starts",
  ],
  [
    "Network",
    { dhcp: { range: { start: "10.0.0.0", end: "10.0.0.9" } } },
    "dhcp.range.start",
    'must be inside 10.0.0.0/24, not "10.0.0.0"',
  ],
  ["Network", { dhcp: { range: { start: "10.0.0.5", end: "10.0.0.255" } } }, "dhcp.range.end", /must be inside/],
  [
    "Network",
    { dhcp: { range: { start: "10.0.0.1", end: "10.0.0.9" } } },
    "dhcp.range.start",
    /which is the host's own/,
  ],
  ["Network", { dhcp: { range: { start: "10.0.0.5" } } }, "dhcp.range.end", /is missing/],
  [
    "Network",
    hosts({ mac, address: "10.9.0.5" }),
    "dhcp.hosts[0].address",
    'must be inside 10.0.0.0/24, not "10.9.0.5"',
  ],
  ["Network", hosts({ mac: "52:54", address: "10.0.0.5" }), "dhcp.hosts[0].mac", /must be six lower-case/],
  ["Network", hosts({ address: "10.0.0.5" }), "dhcp.hosts[0].mac", /is missing/],
  [
    "Network",
    hosts({ mac, address: "10.0.0.5" }, { mac, address: "10.0.0.6" }),
    "dhcp.hosts[1].mac",
    /is already used by element 0/,
  ],
  [
    "Network",
    hosts({ mac, address: "10.0.0.5" }, { mac: "52:54:00:00:00:02", address: "10.0.0.5" }),
    "dhcp.hosts[1].address",
    '"10.0.0.5" is given to two MACs',
  ],
  [
    "Network",
    hosts({ mac, address: "10.0.0.5", name: "a" }, { mac: "52:54:00:00:00:02", address: "10.0.0.6", name: "a" }),
    "dhcp.hosts[1].name",
    '"a" is given to two MACs',
  ],
  ["Network", hosts({ mac, address: "10.0.0.5", name: "a,b" }), "dhcp.hosts[0].name", /must be a host name of letters/],
  ["Network", { dns: { domain: "a b" } }, "dns.domain", /must be a host name of letters/],
  ["Network", { dns: { domain: "x\nlog-facility=/f" } }, "dns.domain", /must be a host name of letters/],
  [
    "Network",
    { dns: { hosts: [{ address: "10.0.0.5", names: ["ok", "a,b"] }] } },
    "dns.hosts[0].names[1]",
    /must be a host name of letters/,
  ],
  ["Network", { mode: "isolated", cidr: undefined }, "cidr", /is missing: mode "isolated" needs a network/],
  [
    "Network",
    { mode: "bridged", cidr: undefined, bridge: "br0", mtu: 1400 },
    "mtu",
    'must not be given with mode "bridged": the host\'s bridge has its own',
  ],
  [
    "Network",
    { dns: { hosts: [{ address: "10.0.0.5", names: [] }] } },
    "dns.hosts[0].names",
    "must hold at least one name",
  ],
  ["Network", { mtu: 100 }, "mtu", "must be at least 576, not 100"],
  [
    "VirtualMachine",
    { memory: "1GiB", dynamicMemory: { maximum: "512MiB" } },
    "dynamicMemory.maximum",
    /as large as memory/,
  ],
  [
    "VirtualMachine",
    { memory: "1GiB", dynamicMemory: { minimum: "2GiB", maximum: "4GiB" } },
    "dynamicMemory.minimum",
    /not be larger/,
  ],
  ["VirtualMachine", { dynamicMemory: {} }, "dynamicMemory.maximum", /is missing/],
  ["VirtualMachine", { networks: [{ network: "n", vlan: 4095 }] }, "networks[0].vlan", /at most 4094/],
  ["Network", { bridge: "a/b" }, "bridge", /must not contain slashes/],
  ["VirtualMachine", { memory: "2 Gigs" }, "memory", /must be a whole number of bytes or text such as "2GiB"/],
  ["VirtualMachine", { memory: "-2GiB" }, "memory", /must be a whole number of bytes or text/],
  ["VirtualMachine", { memory: 1024 }, "memory", /must be a multiple of 1MiB|must be at least 16MiB/],
  ["VirtualMachine", { memory: "15MiB" }, "memory", "must be at least 16MiB, not 15MiB"],
  ["VirtualMachine", { memory: "16777217" }, "memory", /must be a multiple of 1MiB/],
  ["VirtualMachine", { cpus: 0 }, "cpus", "must be at least 1, not 0"],
  ["VirtualMachine", { cpus: "2" }, "cpus", "must be a whole number"],
  ["VirtualMachine", { cpus: 4, maxCpus: 2 }, "maxCpus", "must be at least cpus, which is 4"],
  ["VirtualMachine", { memory: "2GiB", maxMemory: "1GiB" }, "maxMemory", "must be at least as large as memory"],
  ["VirtualMachine", { secureBoot: true, firmware: "bios" }, "secureBoot", /must not be true with firmware "bios"/],
  ["VirtualMachine", { disks: [{}] }, "disks[0]", "must have a `volume` or a `path`"],
  ["VirtualMachine", { disks: [{ volume: "/v/a", path: "/v/b" }] }, "disks[0].path", "must not be given with `volume`"],
  ["VirtualMachine", { disks: [{ volume: "a" }] }, "disks[0].volume", /must be an absolute path/],
  ["VirtualMachine", { disks: [{ path: "/v/a" }, { path: "/v/a" }] }, "disks[1]", '"/v/a" is already another disk'],
  ["VirtualMachine", { disks: [{ name: "a b", path: "/v/a" }] }, "disks[0].name", /must be 1 to 20 letters/],
  ["VirtualMachine", { disks: [null] }, "disks[0]", /is missing/],
  ["VirtualMachine", { networks: [{}] }, "networks[0]", "must have a `network` or a `bridge`"],
  [
    "VirtualMachine",
    { networks: [{ network: "n", bridge: "b" }] },
    "networks[0].bridge",
    "must not be given with `network`",
  ],
  [
    "VirtualMachine",
    {
      networks: [
        { network: "n", mac },
        { network: "n", mac },
      ],
    },
    "networks[1].mac",
    /is already the MAC of another/,
  ],
  [
    "VirtualMachine",
    {
      networks: [
        { network: "n", address: "10.0.0.5" },
        { network: "n", address: "10.0.0.5" },
      ],
    },
    "networks[1].address",
    /is already the address of another/,
  ],
  ["VirtualMachine", { networks: [{ network: "n", mac: "53:54:00:00:00:01" }] }, "networks[0].mac", /is multicast/],
  ["VirtualMachine", { cdrom: "a.iso" }, "cdrom", /must be an absolute path/],
  ["VirtualMachine", { powerState: "off" }, "powerState", /must be one of running, stopped, paused/],
  ["VirtualMachine", { shutdown: { timeout: "1d" } }, "shutdown.timeout", /must be a number of seconds/],
  ["VirtualMachine", { shutdown: { timeout: 0 } }, "shutdown.timeout", "must be at least 1 seconds, not 0 seconds"],
  [
    "VirtualMachine",
    { waitForAddress: { nic: "lan" } },
    "waitForAddress.nic",
    /is not the name of an interface in networks/,
  ],
  ["VirtualMachine", { waitForAddress: { cidr: "everywhere" } }, "waitForAddress.cidr", /must be a network such as/],
  ["VirtualMachine", { tags: { a: 1 } }, "tags.a", "must be text"],
  ["VirtualMachine", { description: "\u0000" }, "description", "must not contain control characters"],
  ["VirtualMachine", { userData: "x" }, "userData", /is not a property/],
];

test.each(bad)("%s %o: one problem, at %s", (kind, words, path, reason) => {
  const { problems } = checked(kind, { ...base[kind], ...words });
  expect(problems).toEqual([{ path, reason: typeof reason === "string" ? reason : expect.stringMatching(reason) }]);
});

const good: readonly (readonly [KindName, Readonly<Record<string, unknown>>])[] = [
  ["StoragePool", { path: "C:\\vm" }],
  ["Volume", { source: "/i.img", size: undefined }],
  ["Volume", { base: "/v/b", size: undefined }],
  ["Volume", { source: "https://example.org/i.img", sha256: "a".repeat(64) }],
  ["Network", { mode: "isolated" }],
  ["Network", { mode: "private", cidr: undefined }],
  ["Network", { mode: "bridged", cidr: undefined, bridge: "br0" }],
  ["Network", { addressing: "dhcp", dhcp: { range: { start: "10.0.0.2", end: "10.0.0.2" } } }],
  ["Network", { dns: { domain: "x.example", hosts: [{ address: "10.9.9.9", names: ["a"] }] } }],
  ["VirtualMachine", { cpus: 2, maxCpus: 2, memory: "64MiB", maxMemory: "64MiB" }],
  ["VirtualMachine", { networks: [{ bridge: "br0" }], waitForAddress: { nic: "nic0", cidr: "fd00::/8" } }],
  ["VirtualMachine", { disks: [{ path: "/a" }, { volume: "/b" }], cloudInit: {} }],
];

test.each([...Object.entries(base).map(([k]) => [k as KindName, {}] as const), ...good])(
  "%s %o is right",
  (kind, words) => expect(checked(kind, { ...base[kind], ...words }).problems).toEqual([]),
);

/** The value itself unknown, and then with an unknown value in each of its places. */
function* unknownAt(value: unknown): Generator<unknown> {
  yield UNKNOWN;
  if (Array.isArray(value))
    for (const [i, v] of value.entries()) for (const inner of unknownAt(v)) yield value.with(i, inner);
  else if (typeof value === "object" && value !== null)
    for (const [k, v] of Object.entries(value)) for (const inner of unknownAt(v)) yield { ...value, [k]: inner };
}

const full: Readonly<Record<KindName, Readonly<Record<string, unknown>>>> = {
  StoragePool: base.StoragePool,
  Volume: { name: "a", pool: "p", size: "1GiB", source: "/i", sha256: "0".repeat(64), format: "raw" },
  Network: {
    name: "a",
    mode: "nat",
    cidr: "10.0.0.0/24",
    addressing: "dhcp",
    dhcp: {
      range: { start: "10.0.0.5", end: "10.0.0.9" },
      hosts: [
        { mac, address: "10.0.0.20", name: "x" },
        { mac: "52:54:00:00:00:02", address: "10.0.0.21" },
      ],
    },
    dns: { domain: "d", hosts: [{ address: "10.0.0.20", names: ["x", "y"] }] },
  },
  VirtualMachine: {
    name: "a",
    cpus: 1,
    maxCpus: 2,
    memory: "1GiB",
    maxMemory: "2GiB",
    firmware: "uefi",
    secureBoot: true,
    tags: { a: "b" },
    disks: [{ name: "root", volume: "/v/a" }, { path: "/v/b" }],
    networks: [{ name: "lan", network: "n", mac, address: "10.0.0.5" }, { bridge: "b" }],
    cloudInit: { userData: "u" },
    waitForAddress: { nic: "lan", cidr: "10.0.0.0/24" },
  },
};

describe("a value that is not known yet never causes a problem", () => {
  const cases = (Object.keys(full) as KindName[]).flatMap((kind) =>
    [...unknownAt(full[kind])].slice(1).map((written) => [kind, written] as const),
  );
  test.each(cases)("%s %o", (kind, written) => expect(checked(kind, written).problems).toEqual([]));

  test.each([
    ["VirtualMachine", { disks: [UNKNOWN, UNKNOWN], networks: [UNKNOWN, UNKNOWN], waitForAddress: { nic: "lan" } }],
    [
      "VirtualMachine",
      {
        networks: [
          { network: UNKNOWN, mac: UNKNOWN },
          { network: UNKNOWN, mac: UNKNOWN },
        ],
      },
    ],
    ["Network", hosts({ mac, address: UNKNOWN }, { mac: "52:54:00:00:00:02", address: UNKNOWN })],
    ["Network", { mode: "bridged", cidr: UNKNOWN, bridge: UNKNOWN }],
  ] as const)("several at once: %s %o", (kind, words) =>
    expect(checked(kind, { ...base[kind], ...words }).problems).toEqual([]),
  );
});

describe("what a kind forbids", () => {
  test.each([
    ["Volume", "replace", {}, /set allowDataLoss to true/],
    ["Volume", "replace", { allowDataLoss: true }, undefined],
    ["Volume", "live", {}, undefined],
    ["VirtualMachine", "restart", { restartPolicy: "never" }, /set it to "ifNeeded"/],
    ["VirtualMachine", "restart", { restartPolicy: "ifNeeded" }, undefined],
    ["VirtualMachine", "live", { restartPolicy: "never" }, undefined],
  ] as const)("%s: %s with %o", (name, effect, declared, reason) => {
    const kind: Kind = kinds[name];
    const why = kind.forbids?.(effect, declared);
    if (reason === undefined) expect(why).toBe(undefined);
    else expect(why).toMatch(reason);
  });
});

/** Every property of a table, at any depth, with its path. */
function* each(properties: Properties, at: string): Generator<readonly [string, AnyProperty]> {
  const below = function* (shape: Shape, path: string): Generator<readonly [string, AnyProperty]> {
    if (shape.type === "object") yield* each(shape.fields, path);
    const inner = shape.type === "list" ? shape.items : shape.type === "map" ? shape.values : undefined;
    if (inner !== undefined) {
      yield [`${path}[]`, inner];
      yield* below(inner.shape, `${path}[]`);
    }
  };
  for (const [name, property] of Object.entries(properties)) {
    yield [`${at}.${name}`, property];
    yield* below(property.shape, `${at}.${name}`);
  }
}

describe("every property", () => {
  const properties = Object.values(kinds).flatMap((kind: Kind) => [
    ...each(kind.properties, kind.name),
    ...each(kind.outputs, `${kind.name} output`),
  ]);

  test.each(properties)("%s has a doc, a valid default and valid examples", (_path, property) => {
    expect(property.doc).toMatch(/^[`A-Za-z0-9].+[.?]$/s);
    const alone: Kind = { name: "X", title: "x", doc: "", properties: { it: property }, outputs: {} };
    const values = [property.default, ...(property.examples ?? [])].filter((v) => v !== undefined);
    for (const it of values) expect(check(alone, { support: { it: true } }, { it }).problems).toEqual([]);
    const [first, second] = property.examples ?? [0, 1];
    expect(first).not.toEqual(second);
  });

  test.each(properties)("%s names a kind and an output in its reference", (_path, { reference }) => {
    if (reference === undefined) return;
    const kind: Kind | undefined = kinds[reference.kind as KindName];
    expect(kind).toBeDefined();
    expect(["id", ...Object.keys(kind?.outputs ?? {})]).toContain(reference.output);
  });

  test("keys of lists are fields of their elements", () => {
    for (const [path, { shape }] of properties) {
      if (shape.type !== "list" || shape.key === undefined) continue;
      const { shape: element } = shape.items;
      expect(element.type === "object" && Object.keys(element.fields), path).toContain(shape.key.field);
    }
  });
});
