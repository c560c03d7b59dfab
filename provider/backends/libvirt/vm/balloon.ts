import type { LibvirtHost } from "../host.js";
import type { Stats } from "../inventory.js";
import { DomainState } from "../rpc/flags.js";
import type { DomainRef } from "../rpc/types.js";
import { type Element, sizeAt } from "../xml.js";

/** A balloon that has not moved for this long does not move. Milliseconds. */
const STILL_MS = 2500;

const number = (value: Stats[string] | undefined): number | undefined =>
  typeof value === "number" ? value : undefined;

export const isPaused = (stats: Stats): boolean => number(stats["state.state"]) === DomainState.paused;

/** The size that the definition gives the guest, in bytes. */
export const configuredMemory = (domain: Element): number | undefined =>
  sizeAt(domain, "currentMemory", "KiB") ?? sizeAt(domain, "memory", "KiB");

/**
 * What a running guest has, in bytes. A guest without a balloon driver keeps the maximum whatever it is asked: its
 * present size says something only once its driver reports, or when it lies below the maximum. A paused one cannot move:
 * it takes what it was asked when it goes on.
 */
export function liveMemory(config: Element, stats: Stats): number | undefined {
  const [current, maximum] = [number(stats["balloon.current"]), number(stats["balloon.maximum"])];
  if (current === undefined || maximum === undefined || isPaused(stats)) return undefined;
  const reports = (number(stats["balloon.last-update"]) ?? 0) > 0;
  return current < maximum || reports || configuredMemory(config) === maximum * 1024 ? current * 1024 : undefined;
}

/**
 * The statistics, with the memory that the guest is on its way to. A guest starts with all of the maximum and gives it
 * back bit by bit: as long as that goes on it is as configured, and no drift. One that stands still above it is drift.
 */
export async function settled(host: LibvirtHost, dom: DomainRef, config: Element, stats: Stats): Promise<Stats> {
  const wanted = configuredMemory(config);
  const live = liveMemory(config, stats);
  if (wanted === undefined || live === undefined || live <= wanted) return stats;
  const moved = async () => {
    const now = (await host.inventory.stats([dom])).get(dom.uuid);
    return now !== undefined && now["balloon.current"] !== stats["balloon.current"] ? now : undefined;
  };
  const { signal } = new AbortController();
  const limits = { timeoutMs: STILL_MS, every: 1000, events: ["balloonChange"] as const, signal };
  const now = await host.watch.until(dom.uuid, moved, limits);
  return now === undefined ? stats : { ...now, "balloon.current": wanted / 1024 };
}
