import { expect } from "vitest";
import { all } from "../e2e/lab.js";
import type { CliLab } from "./cli-lab.js";
import type { CliFault } from "./faults.js";
import type { Inventory } from "./inventory.js";
import { verify, write } from "./patterns.js";
import type { Ended } from "./trial.js";

/** One command of the CLI, from what one program declares to what the next one does. */
export interface CliLeg {
  readonly title: string;
  readonly command: "up" | "refresh" | "destroy";
  readonly from: string;
  readonly to: string;
}

/** A leg with what it does when nothing goes wrong: its messages to the daemon, and what the host has afterwards. */
export interface Measured extends CliLeg {
  readonly points: readonly string[];
  readonly after: Inventory;
}

/** In an order in which each one begins where the last one ended. */
export function legsOf({ daemon, driver }: CliLab): readonly CliLeg[] {
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
  return [
    { title: "create", command: "up", from: base, to: plain },
    { title: "update", command: "up", from: plain, to: edited },
    { title: "refresh", command: "refresh", from: edited, to: edited },
    { title: "update back", command: "up", from: edited, to: plain },
    { title: "delete", command: "up", from: plain, to: base },
    { title: "destroy", command: "destroy", from: plain, to: "" },
  ];
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

export async function measure(lab: CliLab, leg: CliLeg): Promise<Measured> {
  await bring(lab, leg.from);
  await lab.stack.program(leg.to);
  lab.proxy.arm();
  await lab.well(leg.command);
  present.set(lab, leg.to);
  return { ...leg, points: [...lab.proxy.points], after: await lab.inventory() };
}

/** Everything anew, after a failure. */
export async function afresh(lab: CliLab): Promise<void> {
  present.delete(lab);
  lab.proxy.heal();
  await lab.wipe();
}

/** One fault at one message; then what users do has to bring everything to what is declared. */
export async function cliTrial(lab: CliLab, leg: Measured, fault: CliFault, at: number): Promise<Ended> {
  await bring(lab, leg.from);
  const had = (await lab.state()).names;
  await lab.stack.program(leg.to);
  present.delete(lab);
  lab.proxy.arm(fault, at);
  const outcome = await lab.run(leg.command);
  const { fired } = lab.proxy;
  lab.proxy.heal();
  expect(all(outcome), "what a user reads").not.toMatch(/bug in crossvisor|\[object|panic:/);
  const isDeleting = leg.command === "destroy" || leg.title === "delete";
  const stays = isDeleting ? [] : had;
  expect((await lab.state()).names, "what exists stays in the state").toEqual(expect.arrayContaining([...stays]));
  // A user may look first or not: both have to end well.
  if (at % 2 === 1) {
    await lab.well("refresh", "--clear-pending-creates");
    expect((await lab.state()).names, "a refresh loses nothing").toEqual(expect.arrayContaining([...stays]));
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
