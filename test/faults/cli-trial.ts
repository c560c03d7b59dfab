import { expect } from "vitest";
import { all } from "../e2e/lab.js";
import { CliLab } from "./cli-lab.js";
import type { CliFault } from "./faults.js";
import type { Inventory } from "./inventory.js";
import type { Driver } from "./libvirt-lab.js";
import { verify, write } from "./patterns.js";
import type { Ended, Place, Stage } from "./suite.js";

/** One command of the CLI, from what one program declares to what the next one does. */
interface CliLeg {
  readonly command: "up" | "refresh" | "destroy";
  readonly from: string;
  readonly to: string;
}

/** A leg with what it does when nothing goes wrong. */
interface Measured extends CliLeg {
  /** Its messages to the daemon. */
  readonly points: readonly string[];
  /** What the host has afterwards. */
  readonly after: Inventory;
  /** What the state has afterwards. */
  readonly names: readonly string[];
}

export const CLI_TITLES = ["create and delete", "update", "refresh", "destroy"] as const;

type CliTitle = (typeof CLI_TITLES)[number];

/** A host and a stack of the CLI as a place for these scenarios. */
export async function openCliPlace(driver: Driver): Promise<Place> {
  const lab = await CliLab.open(driver);
  return { stage: (title) => staged(lab, legsOf(lab)[title as CliTitle]), close: () => lab.close() };
}

async function staged(lab: CliLab, ways: readonly CliLeg[]): Promise<Stage> {
  const legs: Measured[] = [];
  for (const way of ways) legs.push(await measure(lab, way));
  return {
    legs: legs.map((leg) => () => leg.points),
    attempt: ({ leg, fault, at }) => trial(lab, legs[leg] as Measured, fault as CliFault, at),
    afresh: () => afresh(lab),
  };
}

/** Each scenario there and, where there is one, back. */
function legsOf({ daemon, driver }: CliLab): Readonly<Record<CliTitle, readonly CliLeg[]>> {
  const disk = '\nconst disk = new crossvisor.Volume("disk", { pool, size: "1MiB" });';
  // The test driver keeps no marks of volumes: one whose creation broke off is nobody's.
  const isTest = driver === "test:///default";
  const base = `
const pool = new crossvisor.StoragePool("pool", { path: "${daemon.pools}/pool", onDelete: "delete" });
const kept = new crossvisor.Volume("kept", { pool, size: "1MiB" });${isTest ? disk : ""}`;
  const full = (web: string, lan: string) => `${base}
const lan = new crossvisor.Network("lan", { cidr: "10.66.1.0/24", ${lan} });${isTest ? "" : disk}
new crossvisor.VirtualMachine("web", {
  firmware: "bios", disks: [{ name: "kept", volume: kept }, { name: "disk", volume: disk }],
  networks: [{ network: lan }], cloudInit: { userData: "#!/bin/true" }, shutdown: { method: "acpi", timeout: 1 }, ${web}
});`;
  const plain = full('memory: "64MiB"', "");
  const edited = full(
    'memory: "80MiB", description: "edited", autostart: true',
    'description: "edited", dns: { hosts: [{ address: "10.66.1.9", names: ["a.test"] }] }',
  );
  const there = { command: "up", from: plain, to: edited } as const;
  return {
    "create and delete": [
      { command: "up", from: base, to: plain },
      { command: "up", from: plain, to: base },
    ],
    update: [there, { ...there, from: edited, to: plain }],
    refresh: [{ command: "refresh", from: edited, to: edited }],
    destroy: [{ command: "destroy", from: plain, to: "" }],
  };
}

/** The program that the host and the state agree with. */
const present = new WeakMap<CliLab, string>();

/** Brings host and state to a program. Each new volume gets its pattern where there are files. */
async function bring(lab: CliLab, program: string): Promise<void> {
  if (present.get(lab) === program) return;
  const had = (await lab.state()).names;
  const steps = had.length === 0 ? [program.split("\nconst lan")[0] ?? program, program] : [program];
  for (const step of new Set(steps)) {
    await lab.stack.program(step);
    await lab.well("up");
    if (lab.driver === "test:///default") continue;
    const { paths } = await lab.state();
    if (!had.includes("kept") && step === steps[0]) await write("kept", String(paths.get("kept")));
  }
  present.set(lab, program);
}

async function measure(lab: CliLab, leg: CliLeg): Promise<Measured> {
  await bring(lab, leg.from);
  await lab.stack.program(leg.to);
  lab.proxy.arm();
  await lab.well(leg.command);
  present.set(lab, leg.to);
  const points = [...lab.proxy.points];
  return { ...leg, points, after: await lab.inventory(), names: (await lab.state()).names };
}

/** Everything anew, after a failure. */
async function afresh(lab: CliLab): Promise<void> {
  present.delete(lab);
  lab.proxy.heal();
  await lab.wipe();
}

/** One fault at one message; then what users do has to bring everything to what is declared. */
async function trial(lab: CliLab, leg: Measured, fault: CliFault, at: number): Promise<Ended> {
  await bring(lab, leg.from);
  const had = (await lab.state()).names;
  await lab.stack.program(leg.to);
  present.delete(lab);
  lab.proxy.arm(fault, at);
  const outcome = await lab.run(leg.command);
  const { fired } = lab.proxy;
  lab.proxy.heal();
  expect(all(outcome), "what a user reads").not.toMatch(/bug in crossvisor|\[object|panic:/);
  const stays = had.filter((name) => leg.names.includes(name));
  expect((await lab.state()).names, "what exists stays in the state").toEqual(expect.arrayContaining(stays));
  // A user may look first or not: both have to end well.
  if (at % 2 === 1) {
    await lab.well("refresh", "--clear-pending-creates");
    expect((await lab.state()).names, "a refresh loses nothing").toEqual(expect.arrayContaining(stays));
  }
  await lab.well(leg.command === "destroy" ? "destroy" : "up");
  await converged(lab, leg);
  present.set(lab, leg.to);
  return fired === undefined ? "not reached" : "survived";
}

/** The host has exactly what is declared, the data is as it was, and nothing is left to do. */
async function converged(lab: CliLab, { command, to, after }: Measured): Promise<void> {
  expect(await lab.inventory(), "the host has what is declared and nothing else").toEqual(after);
  const { paths, pending } = await lab.state();
  if (command === "destroy" || to === "") expect([...paths.keys()]).toEqual([]);
  else {
    await lab.well("preview", "--refresh", "--expect-no-changes");
    if (lab.driver === "qemu:///system") await verify("kept", String(paths.get("kept")));
  }
  if (pending === 0) return;
  // Pulumi keeps a creation that it saw no end of until a refresh is told to forget it.
  await lab.well("refresh", "--clear-pending-creates");
  expect((await lab.state()).pending, "operations without an end").toBe(0);
}
