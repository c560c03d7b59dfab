import { randomUUID } from "node:crypto";
import { isProviderError, ProviderError } from "../../../core/errors.js";
import type { Finding } from "../../../core/finding.js";
import { ErrorCode } from "../rpc/codes.js";
import { libvirtCode } from "../rpc/errors.js";
import { domains } from "../rpc/procedures/domain.js";
import { domainRef } from "../rpc/types.js";
import type { Check } from "./check.js";

/**
 * Whether this connection may change anything. A machine that does not exist is told to pause: the daemon looks at the
 * connection's rights first (`virCheckReadOnlyGoto`) and only then for the machine, so nothing can come of it.
 */
export const rights: Check = {
  topic: "rights",
  limit: 30,
  pretended: true,
  run: async ({ host, patience }) => {
    try {
      await host.session.call(domains.suspend, { dom: domainRef("crossvisor-doctor", randomUUID()) }, patience);
    } catch (error) {
      return [answered(error)];
    }
    throw new ProviderError("failed", "the host paused a machine that does not exist");
  },
};

function answered(error: unknown): Finding {
  if (isProviderError(error, "not-found"))
    return { topic: "rights", level: "ok", found: "the connection may change things" };
  if (!isProviderError(error, "denied")) throw error;
  const isReadOnly = libvirtCode(error) === ErrorCode.operationDenied;
  return {
    topic: "rights",
    level: "problem",
    found: isReadOnly ? "the connection is read-only" : error.fact,
    means: "Nothing can be declared through it.",
    remedy: isReadOnly
      ? "Connect to the socket for reading and writing, libvirt-sock instead of libvirt-sock-ro."
      : error.hint,
  };
}
