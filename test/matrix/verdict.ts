import { network } from "../../provider/backends/libvirt/network.js";
import { storagePool } from "../../provider/backends/libvirt/storage-pool.js";
import { virtualMachine } from "../../provider/backends/libvirt/virtual-machine.js";
import { volume } from "../../provider/backends/libvirt/volume.js";
import { project } from "../../provider/core/compare.js";
import type { Driver, Observed } from "../../provider/core/driver.js";
import { check } from "../../provider/core/engine.js";
import type { Kind } from "../../provider/core/kind.js";
import { plan } from "../../provider/core/plan.js";
import type { Effect } from "../../provider/core/schema.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { type Entry, type Ground, STEPS, type Step, stepsOf, type Table } from "./entry.js";
import { pathsOf } from "./paths.js";

/** What a change does: `none` for nothing at all, `refused` where the declaration is wrong by itself. */
export interface Verdict {
  readonly effect: Effect | "none" | "refused";
  /** Reasons beside the general one, each once. */
  readonly because: readonly string[];
  /** Where the changes, or the problems, are. */
  readonly paths: readonly string[];
}

/** One cell of the matrix. */
export interface Row extends Verdict {
  readonly kind: KindName;
  /** The place, with the word that tells several entries of it apart: `cpus (up to maxCpus)`. */
  readonly at: string;
  readonly step: Step;
  readonly state: string;
}

const drivers: Readonly<Record<KindName, Driver<Kind, never>>> = {
  StoragePool: storagePool as never,
  Volume: volume as never,
  Network: network as never,
  VirtualMachine: virtualMachine as never,
};

/**
 * What the plan says of every entry of a kind in every state, without a host: the rows that the matrix tries on a real
 * one. Pure.
 */
export function rowsOf(table: Table, ground: Ground = names): readonly Row[] {
  const { kind, states } = table;
  return states.flatMap((state) =>
    table.entries(ground, "name").flatMap((entry) =>
      (entry.states ?? states).includes(state)
        ? STEPS.map((step): Row => {
            const [before, after] = stepsOf(kind, entry, plainIn(table, { ground, state, name: "name", entry }))[step];
            return { kind, at: entry.at, step, state, ...verdict(kind, before, after, state) };
          })
        : [],
    ),
  );
}

interface Place {
  readonly ground: Ground;
  readonly state: string;
  readonly name: string;
  readonly entry: Entry;
}

/** The plain declaration in a state; the power state's own entry stands for itself. */
export const plainIn = (table: Table, { ground, state, name, entry }: Place): Words => ({
  ...table.plain(ground, name),
  ...(entry.at === "powerState" ? {} : table.inState?.(state)),
});

export const driverOf = (kind: KindName): Driver<Kind, never> => drivers[kind];

/** What the plan says of a change of something that is in a state. */
export function verdict(name: KindName, before: Words, after: Words, state: string): Verdict {
  const kind: Kind = kinds[name];
  const driver = drivers[name];
  const [was, will] = [before, after].map((words) => check(kind, driver, words));
  const problems = was?.problems.length ? was.problems : (will?.problems ?? []);
  if (problems.length > 0) return { effect: "refused", because: [], paths: problems.map((p) => p.path) };
  const now = present(name, was?.inputs ?? {}, state);
  const sides = { before: project(kind.properties, was?.inputs, now.properties), wanted: will?.inputs ?? {}, now };
  const { effect, changes } = plan(kind, driver, sides as never);
  return { effect: effect ?? "none", because: reasons(changes), paths: changes.map((c) => c.path) };
}

export const reasons = (changes: readonly { readonly because?: string }[]): readonly string[] => [
  ...new Set(changes.flatMap((c) => c.because ?? [])),
];

/** What a host would show of a declaration. */
function present(kind: KindName, inputs: Words, state: string): Observed<Kind> {
  const active = state !== "stopped";
  const more: Readonly<Record<KindName, Words>> = {
    StoragePool: { active: active && inputs["active"] },
    Network: {
      active: active && inputs["active"],
      dhcp: { hosts: [], ...(inputs["dhcp"] as Words) },
      dns: { domain: "", hosts: [], ...(inputs["dns"] as Words) },
    },
    Volume: {},
    VirtualMachine: {
      maxCpus: Math.max(Number(inputs["maxCpus"] ?? 0), Number(inputs["cpus"])),
      maxMemory: Math.max(Number(inputs["maxMemory"] ?? 0), Number(inputs["memory"])),
    },
  };
  const power = kind === "VirtualMachine" ? (inputs["powerState"] as string) : state;
  return {
    id: "id",
    properties: { ...inputs, ...more[kind] },
    outputs: { active: more[kind]["active"], state: power, path: "/p", size: inputs["size"] },
  } as unknown as Observed<Kind>;
}

/** Places of a kind that no entry tries. */
export const untried = (table: Table): readonly string[] => {
  const tried = new Set(table.entries(names, "name").map(({ at }) => at.split(" ")[0]));
  return pathsOf(kinds[table.kind].properties).filter((path) => !tried.has(path));
};

/** Names in place of objects, for a table without a host. */
export const names: Ground = {
  volumes: ["/pool/a", "/pool/b", "/pool/c", "/pool/d"],
  files: ["/files/a", "/files/b"],
  isos: ["/files/a.iso", "/files/b.iso"],
  networks: ["10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002"],
  cidrs: ["10.88.1.0/24", "10.88.2.0/24"],
  bridges: ["br-a", "br-b"],
  pools: ["pool-a", "pool-b"],
  sources: ["/images/a.qcow2", "/images/b.qcow2"],
  sha256: "a".repeat(64),
  bases: ["/pool/base-a", "/pool/base-b"],
  folder: (name) => `/folders/${name}`,
};
