import type { Fields } from "../../provider/core/values.js";
import type { Driver } from "./libvirt-lab.js";
import { keeping, machine, network, pool, scenariosOn, volume } from "./scenarios.js";
import type { Scenario } from "./trial.js";

/** What a host has to lend to a program. */
export interface Ground {
  readonly driver: Driver;
  /** A folder below which pools can be. */
  readonly pools: string;
  /** A qcow2 image and a raw one, of several pieces each. */
  readonly images: { readonly qcow2: string; readonly raw: string };
}

const place = ({ pools }: Ground, words: Fields = {}) => pool("pool", { path: `${pools}/pool`, ...words });
const lan = (name: string, third: number, words: Fields = {}) =>
  network(name, { cidr: `10.66.${third}.0/24`, ...words });
/** With and without a machine that has it: data that has to be there afterwards. */
const data = (name: string, words: Fields = {}) => volume(name, { pool: "pool", size: "1MiB", ...words });

const web = (
  words: Fields,
  disks: readonly string[] = ["disk"],
  nets: readonly (Fields & { readonly name: string })[] = [{ name: "lan" }],
  bus = "virtio",
) =>
  machine("web", (of) => ({
    firmware: "bios",
    memory: "64MiB",
    shutdown: { method: "acpi", timeout: 1 },
    disks: disks.map((name) => ({ name, volume: of(name)["path"], bus })),
    networks: nets.map(({ name, ...more }) => ({ name, network: of(name)["name"], ...more })),
    cloudInit: { userData: "#!/bin/true" },
    ...words,
  }));

/** Machines, on any driver: with a disk, an interface and a first-boot CD. */
function machines(g: Ground): readonly Scenario[] {
  const base = [place(g), lan("lan", 1), lan("other", 2), data("disk"), data("more"), data("unrelated")];
  const one = [web({})];
  const cloudInit = { userData: "#!/bin/false" };
  const edited = { description: "edited", tags: { a: "b" }, autostart: true };
  // The test driver changes no devices.
  const isTest = g.driver === "test:///default";
  const live = [isTest ? web(edited) : web({ ...edited, cloudInit }, ["disk"], [{ name: "lan", connected: false }])];
  const larger = { memory: "80MiB", description: "more" };
  const both = [{ name: "lan" }, { name: "other" }];
  const restarted = [isTest ? web(larger) : web({ ...larger, cloudInit }, ["disk", "more"], both, "sata")];
  const at = scenariosOn("VirtualMachine", base, keeping);
  return [
    at("create and delete", [], one),
    at("update live", one, live),
    at("update with a restart", one, restarted),
    at("power off and on", one, [web({ powerState: "stopped" })]),
    at("read", one, one, "refresh"),
  ];
}

function networks(): readonly Scenario[] {
  const at = scenariosOn("Network", []);
  const one = [lan("lan", 1)];
  const range = { start: "10.66.1.100", end: "10.66.1.120" };
  const hosts = [{ mac: "52:54:00:66:00:09", address: "10.66.1.9" }];
  const dns = { hosts: [{ address: "10.66.1.9", names: ["a.test"] }] };
  return [
    at("create and delete", [], one),
    at("create and delete without autostart", [], [lan("lan", 1, { autostart: false })]),
    at("update live", one, [lan("lan", 1, { dhcp: { range }, dns, description: "edited", autostart: false })]),
    at("a DHCP entry out", [lan("lan", 1, { dhcp: { range, hosts } })], [lan("lan", 1, { dhcp: { range } })]),
    at("update with a restart", one, [lan("lan", 1, { mtu: 1400, dns: { domain: "x.test" } })]),
    at("read", one, one, "refresh"),
  ];
}

/** A network that is restarted under a running machine. */
function plugged(g: Ground): Scenario {
  const base = [place(g), data("disk")];
  const on = (words: Fields) => [lan("lan", 1, words), web({})];
  return { title: "Network: restart under a machine", base, from: on({}), to: on({ mtu: 1400 }), op: "up", ...keeping };
}

function pools(g: Ground): readonly Scenario[] {
  const one = [place(g, { onDelete: "delete" })];
  const at = scenariosOn("StoragePool", []);
  return [
    at("create and delete", [], one),
    at("update", one, [place(g, { onDelete: "delete", autostart: false })]),
    at("read", one, one, "refresh"),
  ];
}

function volumes(g: Ground): readonly Scenario[] {
  const base = [place(g), data("unrelated"), data("under")];
  const at = scenariosOn("Volume", base, keeping);
  const overlay = (words: Fields = {}) =>
    volume("overlay", (of) => ({ pool: "pool", base: of("under")["path"], ...words }));
  return [
    at("read", [data("empty")], [data("empty")], "refresh"),
    // The test driver keeps no marks: a volume whose creation broke off is nobody's there, and is refused.
    ...(g.driver === "test:///default"
      ? []
      : [
          at("create and delete", [], [data("empty")]),
          at("create and delete an overlay", [], [overlay()]),
          at("create and delete from a source", [], [volume("copy", { pool: "pool", source: g.images.qcow2 })]),
          at(
            "create and delete from a larger raw source",
            [],
            [volume("copy", { pool: "pool", source: g.images.raw, format: "raw", size: "8MiB" })],
          ),
        ]),
  ];
}

/** Volumes never shrink: each fault gets a volume of its own. */
const growing = (g: Ground): Scenario => ({
  title: "Volume: grow",
  base: [place(g), data("unrelated")],
  from: [data("grows")],
  to: [data("grows", { size: "2MiB" })],
  op: "up",
  once: true,
  ...keeping,
});

export const libvirtScenarios = (g: Ground): readonly Scenario[] => [
  ...machines(g),
  ...networks(),
  ...(g.driver === "qemu:///system" ? [plugged(g)] : []),
  ...pools(g),
  ...volumes(g),
  // The test driver resizes none.
  ...(g.driver === "qemu:///system" ? [growing(g)] : []),
];
