import { setTimeout as sleep } from "node:timers/promises";
import { isProviderError, placed } from "../../../core/errors.js";
import type { Finding, Look } from "../../../core/finding.js";
import type { LibvirtHost } from "../host.js";
import type { Check } from "./check.js";
import { connections } from "./connections.js";
import { kvm } from "./kvm.js";
import { machine } from "./machine.js";
import { networks } from "./networks.js";
import { pools } from "./pools.js";
import { reach } from "./reach.js";
import { rights } from "./rights.js";
import { room } from "./room.js";
import { marks } from "./secrets.js";
import { security } from "./security.js";

/** What is looked at once the host answers, in the order of the report. Each goes on when another fails. */
const CHECKS: readonly Check[] = [machine, kvm, room, security, pools, networks, marks, connections];

/** Looks at a host in all topics at once; at one that cannot be reached, that is all there is to say. */
export async function diagnose(host: LibvirtHost, look: Look): Promise<readonly Finding[]> {
  const reached = await examined(reach, host, look);
  if (reached.some(({ topic, level }) => topic === reach.topic && level === "problem")) return reached;
  const allowed = await examined(rights, host, look);
  // Where nothing may be changed, nothing can be tried.
  const tries = look.tries && allowed.every(({ level }) => level === "ok");
  const checks = CHECKS.filter(({ pretended }) => pretended === true || host.uri.hypervisor !== "test");
  const found = await Promise.all(checks.map((check) => examined(check, host, { ...look, tries })));
  return [...reached, ...allowed, ...found.flat()];
}

/** Milliseconds that a check gets to take away what it made, after its time is over. */
const GRACE = 10_000;

/** One check within its time. Its failure is a finding too. */
export async function examined(check: Check, host: LibvirtHost, look: Look): Promise<readonly Finding[]> {
  const limit = AbortSignal.timeout(check.limit * 1000);
  const signal = AbortSignal.any([look.signal, limit]);
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const running = check.run({ host, look, patience: { signal } });
  try {
    return await Promise.race([running, over]);
  } catch (error) {
    // What was made to try something is taken away before anybody closes the connection.
    await Promise.race([running.catch(() => undefined), sleep(GRACE, undefined, { ref: false })]);
    if (look.signal.aborted) return [{ topic: check.topic, level: "unknown", found: "broken off" }];
    return [limit.aborted ? (check.late ?? late(check)) : failure(check, error)];
  }
}

const late = ({ topic, limit }: Check): Finding => ({
  topic,
  level: topic === reach.topic ? "problem" : "unknown",
  found: `no answer within ${limit} s`,
  remedy: "See whether the daemon on the host hangs, and restart it if it does.",
});

/** A host that is not reached is a problem; any other check that fails has found nothing out. */
function failure({ topic }: Check, error: unknown): Finding {
  const { fact, hint } = placed(error, {});
  const daemon = /\b(virt\w+d)-sock\b/.exec(fact)?.[1];
  if (topic !== reach.topic && daemon !== undefined) return missing(topic, fact, daemon);
  const level = topic === reach.topic ? "problem" : "unknown";
  const found = isProviderError(error) ? fact : `the check failed: ${fact}`;
  return { topic, level, found, remedy: hint };
}

/** Where libvirt is split into daemons, the one for this topic does not run. */
const missing = (topic: string, found: string, daemon: string): Finding => ({
  topic,
  level: "problem",
  found,
  remedy: `Start the daemon ${daemon} on the host, and let it start with the host.`,
  commands: [`systemctl enable --now ${daemon}.socket`],
});
