import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { ProviderError } from "../../../core/errors.js";
import type { Look } from "../../../core/finding.js";
import type { LibvirtHost } from "../host.js";
import type { Check } from "./check.js";
import { examined } from "./index.js";

const host = {} as LibvirtHost;
const look = (signal = new AbortController().signal): Look => ({ tries: true, report: () => undefined, signal });
const check = (run: Check["run"], more: Partial<Check> = {}): Check => ({ topic: "t", limit: 30, run, ...more });
const failing = (fact: string) => check(() => Promise.reject(new ProviderError("failed", fact, { hint: "Do so." })));

it("a check that ends says what it found", async () => {
  const finding = { topic: "t", level: "ok", found: "so" } as const;
  expect(
    await examined(
      check(async () => [finding]),
      host,
      look(),
    ),
  ).toEqual([finding]);
});

it("a check that fails has found nothing out; only of the reach that is a problem", async () => {
  expect(await examined(failing("no"), host, look())).toEqual([
    { topic: "t", level: "unknown", found: "no", remedy: "Do so." },
  ]);
  expect(await examined({ ...failing("no"), topic: "reach" }, host, look())).toMatchObject([{ level: "problem" }]);
  const bug = check(() => Promise.reject(new TypeError("x is undefined")));
  expect(await examined(bug, host, look())).toMatchObject([
    { level: "unknown", found: expect.stringContaining("x is undefined") },
  ]);
});

it("names the daemon that does not run where libvirt is split into several", async () => {
  const fact = "Failed to connect socket to '/var/run/libvirt/virtstoraged-sock': No such file or directory";
  expect(await examined(failing(fact), host, look())).toMatchObject([
    { level: "problem", commands: ["systemctl enable --now virtstoraged.socket"] },
  ]);
});

it("a check whose time is over is waited for until it has taken away what it made", async () => {
  let tidied = false;
  const slow = check(
    async ({ patience }) => {
      await sleep(60_000, undefined, patience.signal ? { signal: patience.signal } : {}).catch(() => undefined);
      await sleep(20);
      tidied = true;
      return [];
    },
    { limit: 0.05 },
  );
  expect(await examined(slow, host, look())).toMatchObject([{ topic: "t", level: "unknown" }]);
  expect(tidied).toBe(true);
  const late = { topic: "t", level: "warning", found: "too late" } as const;
  expect(await examined({ ...slow, late }, host, look())).toEqual([late]);
});

it("a look that is broken off says so of every check", async () => {
  const stop = new AbortController();
  const waits = check(
    ({ patience: { signal } }) =>
      new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true })),
  );
  const result = examined(waits, host, look(stop.signal));
  stop.abort();
  expect(await result).toMatchObject([{ level: "unknown", found: "broken off" }]);
});
