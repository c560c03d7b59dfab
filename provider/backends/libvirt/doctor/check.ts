import type { Finding, Look } from "../../../core/finding.js";
import type { LibvirtHost } from "../host.js";
import type { Patience } from "../rpc/limit.js";

/** What a check works with. */
export interface Subject {
  readonly host: LibvirtHost;
  readonly look: Look;
  /** Of each call of the check: it ends with the check's time, and with the whole look. */
  readonly patience: Patience;
}

/** One topic of the look at a host. */
export interface Check {
  readonly topic: string;
  /** Seconds it may take; what it has not found by then is `unknown`. */
  readonly limit: number;
  run(subject: Subject): Promise<readonly Finding[]>;
}
