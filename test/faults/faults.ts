/** What can go wrong at one message of a client to the daemon. */
export const FAULTS = [
  // The connection ends and the daemon never hears the call.
  "cut before",
  // The daemon did it, and the connection ends before its answer.
  "cut after",
  // The connection ends in the middle of the call.
  "half a call",
  // The connection ends in the middle of the answer.
  "half an answer",
  // The daemon refuses, with one of several of its vaguest errors.
  "refusal",
  // The daemon did it, and never answers; everything else goes on.
  "no answer",
  // From the call on nothing moves on any connection, and nothing is closed: packets are lost.
  "silence",
  // The daemon dies instead of answering, and is there again at once.
  "daemon restarted",
  // The daemon did it, dies, and stays dead until the step has ended.
  "daemon killed",
  // The provider's process dies before the call leaves it.
  "process killed before",
  // The provider's process dies while the daemon carries the call out.
  "process killed after",
  // The user presses ^C.
  "^C",
] as const;

export type Fault = (typeof FAULTS)[number];

/** Faults of the connection to an SSH server, at one message inside of it. */
export const SSH_FAULTS = ["ssh cut before", "ssh cut after", "ssh silence"] as const;

export type SshFault = (typeof SSH_FAULTS)[number];

/** What happens to the provider's process and to Pulumi's CLI, at one message: only where the real CLI runs. */
export const CLI_FAULTS = [
  "process killed before",
  "process killed after",
  "^C",
  // The second ^C comes as soon as Pulumi has heard the first: it does not wait for anything any more.
  "^C twice",
  // SIGKILL for the CLI alone: the provider's process is left behind.
  "Pulumi killed",
] as const satisfies readonly (Fault | "^C twice" | "Pulumi killed")[];

export type CliFault = (typeof CLI_FAULTS)[number];

/** Errors that a daemon may answer any call with: numbers of libvirt (`virErrorNumber`) and a text. */
export const REFUSALS = [
  { code: 1, message: "internal error: injected" },
  { code: 9, message: "operation failed: injected" },
  { code: 68, message: "Timed out during operation: cannot acquire state change lock (injected)" },
  { code: 38, message: "Cannot write data: Input/output error (injected)" },
] as const;
