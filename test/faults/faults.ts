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

/** What a proxy before a libvirt daemon can do. */
export type LibvirtFault = Fault | SshFault | CliFault;

/** What can go wrong at one request to the agent of a Hyper-V host, or at one packet of an upload to it. */
export const REQUEST_FAULTS = [
  // The connection ends, and the host never hears the request.
  "cut before",
  // The host did it, and the connection ends before its answer.
  "cut after",
  "half a call",
  "half an answer",
  // The host refuses: with one of several errors of Windows, or of its file server, which says so of a full disk.
  "refusal",
  "no answer",
  "silence",
  "process killed before",
  "process killed after",
  "^C",
  // The program on the host is killed somewhere in its work: another moment at each request.
  "agent killed",
] as const;

/** What can go wrong at one command that changes something on a Hyper-V host, of which a request takes many. */
export const COMMAND_FAULTS = [
  // The agent is killed before the command, or after it.
  "killed before a command",
  "killed after a command",
  // The command fails, because the host's disk is full.
  "disk full",
] as const;

export type RequestFault = (typeof REQUEST_FAULTS)[number];
export type CommandFault = (typeof COMMAND_FAULTS)[number];

export type AnyFault = LibvirtFault | RequestFault | CommandFault;

/** Errors that a daemon may answer any call with: numbers of libvirt (`virErrorNumber`) and a text. */
export const REFUSALS = [
  { code: 1, message: "internal error: injected" },
  { code: 9, message: "operation failed: injected" },
  { code: 68, message: "Timed out during operation: cannot acquire state change lock (injected)" },
  { code: 38, message: "Cannot write data: Input/output error (injected)" },
] as const;
