import { Connection } from "../rpc/connection.js";
import type { Check } from "./check.js";

/** As many as an update with two uploads adds to the one that is open. */
const MORE = 2;

/** Whether the daemon takes the further connections that transfers use. */
export const connections: Check = {
  topic: "connections",
  limit: 15,
  late: {
    topic: "connections",
    level: "warning",
    found: `the daemon does not take ${MORE} more connections`,
    means: "Uploads hang until another client leaves.",
    remedy:
      "Raise max_clients in libvirtd.conf (or virtqemud.conf) on the host and restart the daemon, or end other clients.",
  },
  pretended: true,
  run: async ({ host, patience }) => {
    const opened = await Promise.allSettled(
      Array.from({ length: MORE }, async () => Connection.open(await host.dial(), host.uri.driver, {}, patience)),
    );
    await Promise.all(opened.map(async (o) => (o.status === "fulfilled" ? o.value.close() : undefined)));
    const failed = opened.find((o) => o.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return [{ topic: "connections", level: "ok", found: `the daemon takes ${MORE} more, as uploads need` }];
  },
};
