import { randomUUID } from "node:crypto";
import type { Finding } from "../../../core/finding.js";
import { secrets } from "../rpc/procedures/secret.js";
import { write } from "../xml.js";
import { type Check, refused, type Subject } from "./check.js";

/** Whether volumes can be marked as ours, which is done by secrets without a value (see `mark.ts`). */
export const marks: Check = {
  topic: "marks",
  limit: 30,
  run: async (subject) => {
    try {
      await subject.host.session.call(secrets.list, { flags: 0 }, subject.patience);
      if (subject.look.tries) await tryOne(subject);
    } catch (error) {
      return [unmarked(refused("marks", "warning", error))];
    }
    const found = subject.look.tries ? "volumes can be marked as ours" : "the host keeps secrets, which mark volumes";
    return [{ topic: "marks", level: "ok", found }];
  },
};

/** One that is only in the daemon's memory, for a path that no volume has. */
async function tryOne({ host: { session }, patience }: Subject): Promise<void> {
  const uuid = randomUUID();
  const usageID = `/crossvisor-doctor/${uuid}`;
  const xml = write([
    "secret",
    { ephemeral: "yes", private: "yes" },
    ["uuid", {}, uuid],
    ["usage", { type: "volume" }, ["volume", {}, usageID]],
  ]);
  await session.call(secrets.define, { xml, flags: 0 }, patience);
  await session.call(secrets.undefine, { secret: { uuid, usageType: 1, usageID } }, { timeoutMs: 30_000 });
}

const unmarked = (finding: Finding): Finding => ({
  ...finding,
  found: `volumes cannot be marked as ours: ${finding.found}`,
  means: "A volume that a broken-off run made is not recognised by the next one.",
});
