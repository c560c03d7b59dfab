import type { Finding } from "../../../core/finding.js";
import { showBytes } from "../../../core/units.js";
import { host as hostCalls } from "../rpc/procedures/connect.js";
import { type Check, findings } from "./check.js";

/** Below this a machine of the default size does not fit. Bytes. */
const LITTLE = 1.25 * 2 ** 30;
const WHOLE_HOST = -1;

/** Memory and processors that are left. */
export const room: Check = {
  topic: "memory",
  limit: 30,
  run: async ({ host: { session }, patience }) => {
    const asked = { cell: WHOLE_HOST, flags: 0 };
    const { count } = await session.call(hostCalls.memoryStats, { count: 0, ...asked }, patience);
    const [info, { params }] = await Promise.all([
      session.call(hostCalls.info, undefined, patience),
      session.call(hostCalls.memoryStats, { count, ...asked }, patience),
    ]);
    const kib = Object.fromEntries(params.map(({ field, value }) => [field, value]));
    // The kernel gives up what it caches when a guest needs it.
    const left = ((kib["free"] ?? 0) + (kib["buffers"] ?? 0) + (kib["cached"] ?? 0)) * 1024;
    return findings(memory(left, (kib["total"] ?? info.memory) * 1024), {
      topic: "processors",
      level: "ok",
      found: `${info.cpus} of ${info.model}`,
    });
  },
};

const memory = (left: number, total: number): Finding => {
  const found = `${rounded(left)} of ${rounded(total)} are free or only cache`;
  if (left >= LITTLE) return { topic: "memory", level: "ok", found };
  const remedy = "Stop machines that are not needed, or give the host more memory.";
  return { topic: "memory", level: "warning", found, means: "A machine of the default size hardly fits.", remedy };
};

const rounded = (bytes: number): string => showBytes(Math.round(bytes / 2 ** 20) * 2 ** 20);
