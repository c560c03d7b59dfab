import { connect } from "../rpc/procedures/connect.js";
import type { Check } from "./check.js";

/** Whether the daemon answers, by which way, and which versions it has. */
export const reach: Check = {
  topic: "reach",
  limit: 60,
  run: async ({ host, patience }) => {
    const [libvirt, hypervisor, name] = await Promise.all([
      host.session.call(connect.libVersion, undefined, patience),
      host.session.call(connect.version, undefined, patience),
      host.session.call(connect.hostname, undefined, patience),
    ]);
    const driver = host.uri.hypervisor === "test" ? "the test driver" : `QEMU ${version(hypervisor)}`;
    return [{ topic: "reach", level: "ok", found: `${name} answers: libvirt ${version(libvirt)}, ${driver}` }];
  },
};

/** "9.0.0" of 9000000. */
export const version = (number: number): string =>
  [Math.floor(number / 1_000_000), Math.floor(number / 1000) % 1000, number % 1000].join(".");
