import { describe, expect, it } from "vitest";
import { inputsOf } from "../../../../test/libvirt/machines.js";
import { plan } from "../../../core/plan.js";
import { VirtualMachine } from "../../../kinds/virtual-machine.js";
import { effects } from "./effects.js";
import type { MachineObserved } from "./types.js";

const BASE = {
  cpus: 2,
  maxCpus: 4,
  memory: "64MiB",
  maxMemory: "128MiB",
  acceleration: "none",
  disks: [
    { name: "a", volume: "/a" },
    { name: "b", volume: "/b" },
  ],
  networks: [{ name: "n", network: "lan", mac: "52:54:00:00:00:01" }],
  cdrom: "/iso/a",
  cloudInit: { userData: "x" },
  description: "old",
  tags: { a: "1" },
  guest: "debian12",
};

/** The effect of a change of the base declaration on a machine in that state, and why. */
function effect(state: MachineObserved["outputs"]["state"], change: Record<string, unknown>): string {
  const powerState =
    state === "paused" ? "paused" : state === "running" || state === "suspended" ? "running" : "stopped";
  const before = inputsOf({ ...BASE, powerState });
  const now = {
    id: "x",
    properties: before,
    outputs: { state, addresses: {}, macs: {}, host: "h" },
  } as MachineObserved;
  const wanted = inputsOf({ ...BASE, powerState, ...change });
  const { changes, effect: whole } = plan(VirtualMachine, { effects } as never, { before, wanted, now: now as never });
  const because = changes.find((c) => c.effect === whole)?.because;
  return `${whole}${because === undefined ? "" : `: ${because}`}`;
}

const [a, b] = BASE.disks;
const c = { name: "c", volume: "/c" };
const [nic] = BASE.networks;
const ALWAYS_LIVE: readonly [string, Record<string, unknown>][] = [
  ["description changed", { description: "new" }],
  ["description removed", { description: undefined }],
  ["a tag added", { tags: { a: "1", b: "2" } }],
  ["a tag changed", { tags: { a: "2" } }],
  ["tags removed", { tags: undefined }],
  ["guest changed", { guest: "debian13" }],
  ["guest removed", { guest: undefined }],
  ["more processors", { cpus: 4 }],
  ["more memory", { memory: "128MiB" }],
  ["less memory", { memory: "32MiB" }],
  ["a CD swapped", { cdrom: "/iso/b" }],
  ["a CD taken out", { cdrom: undefined }],
  ["a seed edited", { cloudInit: { userData: "y" } }],
  ["a seed removed", { cloudInit: undefined }],
  ["a disk plugged in", { disks: [a, b, c] }],
  ["a disk plugged in between", { disks: [a, c, b] }],
  ["a disk unplugged", { disks: [a] }],
  ["a disk exchanged for another one", { disks: [a, c] }],
  ["the disk that boots renamed", { disks: [{ ...a, name: "x" }, b] }],
  ["every disk renamed", { disks: ["x", "y"].map((name, i) => ({ ...BASE.disks[i], name })) }],
  ["the disk that boots renamed beside one plugged in between", { disks: [{ ...a, name: "x" }, c, b] }],
  ["an interface renamed that keeps its MAC", { networks: [{ ...nic, name: "m" }] }],
  ["an interface plugged in", { networks: [nic, { name: "m", bridge: "br0" }] }],
  ["an interface unplugged", { networks: [] }],
  ["an interface relinked", { networks: [{ ...nic, network: "dmz" }] }],
  ["a cable pulled", { networks: [{ ...nic, connected: false }] }],
  ["autostart changed", { autostart: true }],
  ["acceleration left to the host", { acceleration: "auto" }],
  ["stopped", { powerState: "stopped" }],
];
const RESTARTS: readonly [string, Record<string, unknown>, RegExp][] = [
  ["fewer processors", { cpus: 1 }, /keeps its processors/],
  ["more processors than the maximum", { cpus: 5, maxCpus: 8 }, /maxCpus is 4 since the last start/],
  ["another maximum of processors", { maxCpus: 8 }, /when it starts/],
  ["more memory than the maximum", { memory: "1GiB", maxMemory: "1GiB" }, /maxMemory is 128MiB since the last start/],
  ["another maximum of memory", { maxMemory: "1GiB" }, /when it starts/],
  ["another firmware", { firmware: "bios" }, /firmware/],
  ["Secure Boot", { secureBoot: true }, /firmware/],
  ["a TPM", { tpm: true }, /built in/],
  ["another processor", { acceleration: "required" }, /another kind of processor/],
  ["another file for a disk", { disks: [a, { ...b, volume: "/z" }] }, /under the guest/],
  ["another bus for a disk", { disks: [a, { ...b, bus: "scsi" }] }, /under the guest/],
  ["a disk made read-only", { disks: [a, { ...b, readOnly: true }] }, /under the guest/],
  ["disks in another order", { disks: [b, a] }, /another disk boots/],
  ["a new first disk", { disks: [c, a, b] }, /another disk boots/],
  ["the first disk unplugged", { disks: [b] }, /booted/],
  ["the disk that boots renamed and put behind", { disks: [b, { ...a, name: "x" }] }, /another disk boots/],
  ["a renamed disk put before the one that boots", { disks: [{ ...b, name: "x" }, a] }, /another disk boots/],
  ["the disk that boots renamed, with another file", { disks: [{ name: "x", volume: "/z" }, b] }, /booted/],
  ["the disk that boots renamed, on another bus", { disks: [{ ...a, name: "x", bus: "scsi" }, b] }, /booted/],
  ["a disk renamed and made read-only", { disks: [a, { ...b, name: "x", readOnly: true }] }, /under the guest/],
  ["all disks unplugged", { disks: [] }, /booted/],
];

describe("the effect of a change", () => {
  for (const state of ["running", "paused", "suspended", "stopped", "crashed"] as const)
    it.each(ALWAYS_LIVE)(`on a ${state} machine is live: %s`, (word, change) => {
      const stays = word === "stopped" && (state === "stopped" || state === "crashed");
      const held = state === "paused" && /unplugged|exchanged/.test(word);
      expect(effect(state, change)).toMatch(stays ? "undefined" : held ? /^restart: a paused guest/ : /^live$/);
      if (held) expect(effect(state, { ...change, powerState: "running" }), "it goes on first").toBe("live");
    });

  for (const state of ["running", "paused", "suspended"] as const)
    it.each(RESTARTS)(`on a ${state} machine is a restart: %s`, (_word, change, because) => {
      expect(effect(state, change)).toMatch(/^restart: /);
      expect(effect(state, change)).toMatch(because);
      expect(effect(state, { ...change, powerState: "stopped" })).toBe("live");
    });

  for (const state of ["stopped", "crashed"] as const)
    it.each(RESTARTS)(`on a ${state} machine restarts nothing: %s`, (_word, change) => {
      expect(effect(state, change)).toBe("live");
      expect(effect(state, { ...change, powerState: "running" })).toBe("live");
    });

  it("is a replacement for another name, whatever it does", () => {
    for (const state of ["running", "stopped"] as const) expect(effect(state, { name: "other" })).toMatch(/^replace/);
  });
});
