import type { Finding } from "../../../core/finding.js";
import type { LibvirtHost } from "../host.js";
import { connect } from "../rpc/procedures/connect.js";
import { type Check, findings } from "./check.js";

/** The oldest libvirt whose schema has all that we write: `<firmware><feature>` came with 7.2. */
const OLDEST = 7_002_000;
/** What the tests run with. */
const TRIED = 9_000_000;

/** Whether the daemon answers, and which versions it has. */
export const reach: Check = {
  topic: "reach",
  limit: 60,
  pretended: true,
  run: async ({ host, patience }) => {
    const [libvirt, hypervisor, name] = await Promise.all([
      host.session.call(connect.libVersion, undefined, patience),
      host.session.call(connect.version, undefined, patience),
      host.session.call(connect.hostname, undefined, patience),
    ]);
    const isTest = host.uri.hypervisor === "test";
    const driver = isTest ? "its test driver" : `QEMU ${versionText(hypervisor)}`;
    const answers = `${name} answers${by(host)}: libvirt ${versionText(libvirt)} with ${driver}`;
    return findings(
      { topic: "reach", level: "ok", found: answers },
      detour(host),
      isTest ? PRETENDED : undefined,
      age(libvirt),
    );
  },
};

/** " over SSH by the socket /run/…". */
function by(host: LibvirtHost): string {
  const way = host.way();
  const over = host.uri.transport === "unix" ? "" : ` over ${host.uri.transport.toUpperCase()}`;
  return way === undefined ? over : `${over} by ${"socket" in way ? `the socket ${way.socket}` : way.helper}`;
}

function detour(host: LibvirtHost): Finding | undefined {
  const way = host.way();
  if (way === undefined || "socket" in way) return undefined;
  return {
    topic: "reach",
    level: "note",
    found: `the SSH server was not asked or refused to lead to a socket, so ${way.helper} on the host does`,
    means: "That works as well; each connection is one more process there.",
  };
}

const PRETENDED: Finding = {
  topic: "host",
  level: "note",
  found: "it is libvirt's test driver",
  means: "It pretends machines in the daemon's memory: nothing runs, and nothing outlives the daemon.",
};

/** "9.0.0" of 9000000. */
export const versionText = (number: number): string =>
  [Math.floor(number / 1_000_000), Math.floor(number / 1000) % 1000, number % 1000].join(".");

/** What an old libvirt means. */
export function age(libvirt: number): Finding | undefined {
  if (libvirt >= TRIED) return undefined;
  const found = `libvirt ${versionText(libvirt)} is older than ${versionText(libvirt < OLDEST ? OLDEST : TRIED)}`;
  const remedy = "Upgrade libvirt on the host.";
  return libvirt < OLDEST
    ? { topic: "version", level: "problem", found, means: "It does not understand our machines with UEFI.", remedy }
    : { topic: "version", level: "warning", found, means: "crossvisor is not tested with it.", remedy };
}
