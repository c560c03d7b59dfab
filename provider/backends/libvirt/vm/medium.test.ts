import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ProviderError } from "../../../core/errors.js";
import type { LibvirtHost } from "../host.js";
import { domainRef } from "../rpc/types.js";
import { Watch } from "../watch.js";
import { changeMedium } from "./medium.js";
import type { Running } from "./running.js";

// The clock of the test does not reach Node's promises; these timers obey it.
vi.mock("node:timers/promises", () => ({
  setTimeout: (ms: number, value: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise((resolve, reject) => {
      globalThis.setTimeout(resolve, ms, value);
      signal.addEventListener("abort", () => reject(signal.reason));
    }),
}));
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const SHUT = "unable to execute QEMU command 'blockdev-remove-medium': Tray of device 'scsi0-0-0-0' is not open";
const LOCKED = "timed out waiting to open tray of 'sda'";

/** A daemon with one machine; it refuses to change the medium of its drive as `refuse` says, which is told the try. */
function machine(bus: string, refuse: (time: number) => string | undefined) {
  const controller = new AbortController();
  const calls: string[] = [];
  let drive = `<disk type='file' device='cdrom'><source file='/old.iso'/><target dev='sda' bus='${bus}' tray='open'/></disk>`;
  const answers: Readonly<Record<string, (xml: string) => unknown>> = {
    "domain.xml": () => `<domain><devices>${drive}</devices></domain>`,
    "domain.updateDevice": (xml) => {
      const refusal = refuse(calls.filter((c) => c === "domain.updateDevice").length);
      if (refusal !== undefined) throw new ProviderError("failed", refusal);
      drive = xml;
    },
    "domain.detachDevice": () => {
      drive = "";
    },
    "domain.attachDevice": (xml) => {
      drive = xml;
    },
  };
  const session = {
    on: async () => async () => undefined,
    call: async ({ name }: { readonly name: string }, { xml = "" }: { readonly xml?: string }) => {
      calls.push(name);
      return answers[name]?.(xml);
    },
  } as unknown as LibvirtHost["session"];
  const running = {
    host: { session, watch: new Watch(session) },
    dom: domainRef("m", "3a1f1b2c-0000-4000-8000-000000000001"),
    machine: { inputs: {} },
    step: { signal: controller.signal },
  } as unknown as Running;
  const ended = changeMedium(running, "sda", "/new.iso").catch((error: unknown) => error);
  return { ended, controller, calls, drive: () => drive };
}

it("goes on for as long as the guest keeps the tray shut", async () => {
  const m = machine("scsi", (time) => (time <= 12 ? LOCKED : undefined));
  await vi.advanceTimersByTimeAsync(15_000);
  expect(await m.ended).toBeUndefined();
  expect(m.drive()).toContain("/new.iso");
  expect(m.calls).not.toContain("domain.detachDevice");
});

it("tries a tray once more that the guest shut, and leaves the drive plugged in", async () => {
  const m = machine("scsi", (time) => (time === 1 ? SHUT : undefined));
  await vi.advanceTimersByTimeAsync(2000);
  expect(await m.ended).toBeUndefined();
  expect(m.drive()).toContain("/new.iso");
  expect(m.calls).not.toContain("domain.detachDevice");
});

it("plugs a drive in anew when the daemon is wrong about its tray", async () => {
  const m = machine("scsi", () => SHUT);
  await vi.advanceTimersByTimeAsync(5000);
  expect(await m.ended).toBeUndefined();
  expect(m.drive()).toContain("/new.iso");
  // The daemon would believe it.
  expect(m.drive()).not.toContain("tray");
});

it("ends with what to do where the guest never lets it happen and drives cannot be plugged", async () => {
  const m = machine("sata", () => SHUT);
  await vi.advanceTimersByTimeAsync(31_000);
  expect(await m.ended).toMatchObject({
    code: "timeout",
    fact: expect.stringMatching(/drive "sda" did not change within 30 s: .*is not open/),
    hint: expect.stringContaining("stop the machine"),
  });
  expect(m.calls).not.toContain("domain.detachDevice");
});

it("passes on at once what has nothing to do with the tray", async () => {
  const m = machine("scsi", () => "Could not open '/new.iso': Permission denied");
  await vi.advanceTimersByTimeAsync(1);
  expect(await m.ended).toMatchObject({ fact: expect.stringContaining("Permission denied") });
});

it("ends with the step", async () => {
  const m = machine("scsi", () => LOCKED);
  await vi.advanceTimersByTimeAsync(500);
  m.controller.abort(new Error("enough"));
  await vi.advanceTimersByTimeAsync(1);
  expect(await m.ended).toMatchObject({ message: "enough" });
});
