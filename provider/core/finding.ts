/**
 * How bad a finding is. `ok` is as it should be; `note` is worth knowing; `warning` will hurt some declarations;
 * `problem` stops what most declarations need; `unknown` could not be found out, and is never taken for `ok`.
 */
export type Level = "ok" | "note" | "warning" | "problem" | "unknown";

/** One thing that a look at a host found. */
export interface Finding {
  /** What it is about, in one or two words: `firmware`, `storage pool`. */
  readonly topic: string;
  readonly level: Level;
  /** The fact: a phrase without a full stop, and without secrets. */
  readonly found: string;
  /** What follows from it for declarations: a sentence. */
  readonly means?: string | undefined;
  /** What to do about it: a sentence. */
  readonly remedy?: string | undefined;
  /** Commands that do it, to be run on the host as its administrator unless the remedy says otherwise. */
  readonly commands?: readonly string[] | undefined;
}

/** How a host is looked at. */
export interface Look {
  /** Whether things may be found out by trying: what is made for that is gone when the look has ended. */
  readonly tries: boolean;
  /** A line for a person who waits, above all before something is tried on the host. */
  report(message: string): void;
  readonly signal: AbortSignal;
}
