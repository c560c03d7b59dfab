import { setTimeout as sleep } from "node:timers/promises";
import type { Step } from "../../core/driver.js";
import { isProviderError } from "../../core/errors.js";

/** How long a host may be out of reach while a network adapter of its own moves into a switch or out of it. Milliseconds. */
const AWAY_MS = 60_000;
const EVERY_MS = 1000;

/** A deletion breaks the connections off twice: when the host gets its address back, and when the switch goes. */
const BREAKS = 2;

/**
 * Makes a change that may break the host's own connections off. Its answer is lost then, and once the host can be reached
 * again what it shows decides: `look` gives what the change was to bring about, or nothing, and then it is made again.
 *
 * @throws the last error where the host shows nothing of it then either, or stays out of reach for a minute.
 */
export async function acrossBreak<T>(
  act: () => Promise<T>,
  look: () => Promise<T | undefined>,
  { report, signal }: Step,
): Promise<T> {
  for (let left = BREAKS; ; left -= 1) {
    try {
      return await act();
    } catch (error) {
      if (!isProviderError(error, "dropped") || signal.aborted) throw error;
      if (left === BREAKS) report("the host's connections broke off, as was to be expected; waiting for it");
      const found = await reached(look, signal);
      if (found !== undefined) return found;
      if (left === 0) throw error;
    }
  }
}

async function reached<T>(look: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const end = Date.now() + AWAY_MS;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (!isProviderError(error, "dropped", "unreachable", "timeout") || Date.now() >= end) throw error;
    }
    await sleep(EVERY_MS, undefined, { signal });
  }
}
