import type { Fields } from "../../provider/core/values.js";
import type { Declared } from "./pulumi.js";
import { keeping, machine, network, pool, scenariosOn, volume } from "./scenarios.js";
import type { Scenario } from "./trial.js";

/** A qcow2 image and a raw one, on this machine. */
interface Images {
  readonly qcow2: string;
  readonly raw: string;
}

const place = (words: Fields = {}) => pool("pool", { path: "C:\\Pools\\pool", ...words });
const lan = (name: string, third: number, words: Fields = {}) =>
  network(name, { cidr: `10.66.${third}.0/24`, ...words });
const data = (name: string, words: Fields = {}) =>
  volume(name, { pool: "pool", size: "4MiB", format: "vhdx", ...words });

const web = (
  words: Fields,
  disks: readonly string[] = ["disk"],
  nets: readonly (Fields & { readonly name: string })[] = [{ name: "lan" }],
) =>
  machine("web", (of) => ({
    memory: "64MiB",
    shutdown: { timeout: 5 },
    disks: disks.map((name) => ({ name, volume: of(name)["path"] })),
    networks: nets.map(({ name, ...more }) => ({ name, network: of(name)["name"], ...more })),
    cloudInit: { userData: "#!/bin/true" },
    ...words,
  }));

function machines(): readonly Scenario[] {
  const base = [place(), lan("lan", 1), lan("other", 2), data("disk"), data("more"), data("unrelated")];
  const one = [web({})];
  const cloudInit = { userData: "#!/bin/false" };
  const edited = { description: "edited", tags: { a: "b" }, autostart: true, cloudInit };
  const both = [{ name: "lan" }, { name: "other" }];
  const at = scenariosOn("VirtualMachine", base, keeping);
  return [
    at("create and delete", [], one),
    at("update live", one, [web(edited, ["disk", "more"], [{ name: "lan", connected: false }])]),
    at("update with a restart", one, [web({ cpus: 2, memory: "80MiB", cloudInit }, ["disk", "more"], both)]),
    at("power off and on", one, [web({ powerState: "stopped" })]),
    at("read", one, one, "refresh"),
  ];
}

function networks(): readonly Scenario[] {
  const one = [lan("lan", 1)];
  const served = (start: number, last: number) => [
    lan("lan", 1, {
      dhcp: {
        range: { start: `10.66.1.${start}`, end: "10.66.1.50" },
        hosts: [{ mac: "52:54:00:dd:00:01", address: `10.66.1.${last}` }],
      },
    }),
  ];
  const at = scenariosOn("Network", []);
  return [
    at("create and delete", [], one),
    at("update", one, [lan("lan", 3, { description: "edited" })]),
    at("create and delete with DHCP", [], served(10, 20)),
    at("update of DHCP", served(10, 20), served(15, 30)),
    at("another mode", one, [lan("lan", 1, { mode: "isolated" })]),
    at("read", one, one, "refresh"),
  ];
}

function pools(): readonly Scenario[] {
  const one = [place({ onDelete: "delete" })];
  const at = scenariosOn("StoragePool", []);
  return [at("create and delete", [], one), at("read", one, one, "refresh")];
}

function volumes({ qcow2, raw }: Images): readonly Scenario[] {
  const base = [place(), data("unrelated"), data("under")];
  const at = scenariosOn("Volume", base, keeping);
  const overlay = volume("overlay", (of) => ({ pool: "pool", base: of("under")["path"] }));
  const copy = (words: Fields) => [volume("copy", { pool: "pool", format: "vhdx", ...words })];
  return [
    at("read", [data("empty")], [data("empty")], "refresh"),
    at("create and delete", [], [data("empty")]),
    at("create and delete an overlay", [], [overlay]),
    at("create and delete from a source", [], copy({ source: qcow2 })),
    at("create and delete from a larger raw source", [], copy({ source: raw, size: "8MiB" })),
    at("create and delete from a source, thick", [], copy({ source: qcow2, provisioning: "thick" })),
  ];
}

/** Volumes never shrink: each fault gets a volume of its own. */
const growing: Scenario = {
  title: "Volume: grow",
  base: [place(), data("unrelated")],
  from: [data("grows")],
  to: [data("grows", { size: "8MiB" })] satisfies readonly Declared[],
  op: "up",
  once: true,
  ...keeping,
};

export const hypervScenarios = (images: Images): readonly Scenario[] => [
  ...machines(),
  ...networks(),
  ...pools(),
  ...volumes(images),
  growing,
];
