import { describe, expect, it } from "vitest";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { hypervTables } from "./hyperv-tables.js";
import { propertiesAt } from "./paths.js";
import { tables } from "./tables.js";
import { rowsOf, untried, verdict } from "./verdict.js";

const all = Object.keys(kinds) as KindName[];

const nic = { name: "lan", network: "lan", mac: "52:54:00:cc:00:01" };
const dynamic = { minimum: "48MiB", maximum: "128MiB" };

/** From the pages of Set-VMMemory, Set-VMProcessor, Set-VMFirmware, Set-VMNetworkAdapter, Add-VMNetworkAdapter, Add-VMHardDiskDrive. */
const DOCUMENTED: readonly (readonly [what: string, before: Words, after: Words, effect: string])[] = [
  ["static memory", { memory: "64MiB" }, { memory: "128MiB" }, "live"],
  ["a lower minimum", { dynamicMemory: dynamic }, { dynamicMemory: { ...dynamic, minimum: "32MiB" } }, "live"],
  ["a higher minimum", { dynamicMemory: dynamic }, { dynamicMemory: { ...dynamic, minimum: "64MiB" } }, "restart"],
  ["no minimum", { dynamicMemory: dynamic }, { dynamicMemory: { maximum: "128MiB" } }, "restart"],
  ["a higher maximum", { dynamicMemory: dynamic }, { dynamicMemory: { ...dynamic, maximum: "256MiB" } }, "live"],
  ["a lower maximum", { dynamicMemory: dynamic }, { dynamicMemory: { ...dynamic, maximum: "96MiB" } }, "restart"],
  ["another buffer", { dynamicMemory: dynamic }, { dynamicMemory: { ...dynamic, buffer: 50 } }, "restart"],
  ["dynamic memory", {}, { dynamicMemory: dynamic }, "restart"],
  ["processors", {}, { cpus: 2 }, "restart"],
  ["Secure Boot", {}, { secureBoot: true }, "restart"],
  ["a TPM", {}, { tpm: true }, "restart"],
  ["the generation", {}, { firmware: "bios" }, "replace"],
  ["a MAC", { networks: [nic] }, { networks: [{ ...nic, mac: "52:54:00:cc:00:02" }] }, "restart"],
  ["a VLAN", { networks: [nic] }, { networks: [{ ...nic, vlan: 7 }] }, "live"],
  ["an interface", { networks: [] }, { networks: [nic] }, "live"],
  ["generation 1: an interface", { firmware: "bios", networks: [] }, { firmware: "bios", networks: [nic] }, "restart"],
];

describe("the matrix's tables", () => {
  it.each(all)("try every place of %s", (kind) => expect(untried(tables[kind])).toEqual([]));

  it.each(all)("change something of %s, unless the place says how to act or stays when it is taken out", (kind) => {
    const idle = rowsOf(tables[kind]).filter((row) => row.effect === "none");
    const left = idle.filter(({ at, step }) => {
      const way = propertiesAt(kinds[kind].properties, at.split(" ")[0] ?? at);
      return !way.some((p) => p.policy) && !(step === "removed" && way.some((p) => p.keep));
    });
    expect(left.map(({ at, step, state }) => `${at} ${step} ${state}`)).toEqual([]);
  });

  it.each(all)("try every place of %s on a Hyper-V host", (kind) => expect(untried(hypervTables[kind])).toEqual([]));

  it.each(DOCUMENTED)("say of %s what Microsoft documents of a machine that runs", (_what, before, after, effect) => {
    const { VirtualMachine: table } = hypervTables;
    const plain = table.plain(table.names, "name");
    expect(verdict(table, { ...plain, ...before }, { ...plain, ...after }, "running").effect).toBe(effect);
  });

  it.each(all)("refuse by its name what a Hyper-V host lacks in %s", (kind) => {
    const { driver } = hypervTables[kind];
    const lacks = Object.entries(driver.support).flatMap(([name, answer]) => (answer === true ? [] : [name]));
    for (const { at, effect, paths } of rowsOf(hypervTables[kind])) {
      const name = at.split(/[.[ ]/)[0] ?? at;
      if (lacks.includes(name)) expect({ at, effect, paths }).toMatchObject({ at, effect: "refused" });
      if (effect === "refused") expect(paths.length, at).toBeGreaterThan(0);
    }
  });
});
