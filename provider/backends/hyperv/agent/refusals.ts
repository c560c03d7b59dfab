import { type Code, ProviderError } from "../../../core/errors.js";
import { AWAY_HINT, awayFact } from "../paths.js";

/** What the agent refused by itself, as a sentence. `f` gives a fact by its name, as text. */
interface Refusal {
  readonly code: Code;
  fact(f: (name: string) => string): string;
  readonly hint?: string;
}

const BUGS: Readonly<Record<string, Refusal>> = {
  NoRequest: { code: "bug", fact: (f) => `the agent has no request ${f("request")}` },
  NoSuchWord: { code: "bug", fact: (f) => `the agent does not know the word ${f("word")}` },
  StrayOutput: { code: "bug", fact: (f) => `the request ${f("request")} answered more than one thing` },
};

const FILES: Readonly<Record<string, Refusal>> = {
  Away: { code: "failed", fact: (f) => awayFact(f("path")), hint: AWAY_HINT },
  FileExists: {
    code: "exists",
    fact: (f) => `${f("path")} exists already`,
    hint: "Choose another name, or delete the file if nothing needs it.",
  },
  FolderNotEmpty: {
    code: "failed",
    fact: (f) => `the folder ${f("path")} is not empty: it holds ${f("first")}`,
    hint: "Move what it holds away, or keep the folder.",
  },
  NoFile: { code: "not-found", fact: (f) => `there is no file ${f("path")} on the host` },
  NoFolder: { code: "invalid", fact: (f) => `${f("path")} is a file, and no folder`, hint: "Choose another path." },
  ScopeTaken: {
    code: "exists",
    fact: (f) => `the network ${f("scope")} is that of the scope "${f("name")}" of the host's DHCP server`,
    hint: "Choose another cidr.",
  },
  StaysSparse: {
    code: "failed",
    fact: (f) => `${f("path")} is a sparse file, which Hyper-V refuses, and fsutil ended with status ${f("status")}`,
    hint: "Put it on a disk with NTFS or ReFS.",
  },
  VhdExists: {
    code: "exists",
    fact: (f) => `${f("path")} exists already`,
    hint: "Choose another name, adopt the disk, or delete the file if nothing needs it.",
  },
  VhdHasChild: {
    code: "busy",
    fact: (f) => `${f("path")} is under the disk ${f("child")}, which cannot be read without it`,
    hint: "Delete the disks over it first.",
  },
  VhdInUse: {
    code: "busy",
    fact: (f) => `${f("path")} is a disk of the virtual machine "${f("machine")}" or of a checkpoint of it`,
    hint: "Take it away from the machine first.",
  },
  VhdShrinks: {
    code: "invalid",
    fact: (f) => `${f("path")} has ${f("size")} bytes, and disks never shrink`,
    hint: "Declare at least that size.",
  },
  WrongHash: {
    code: "invalid",
    fact: (f) => `what arrived for ${f("path")} has the digest ${f("sha256")}, not ${f("wanted")}`,
    hint: "Run it again: something changed the bytes on their way.",
  },
  WrongLength: {
    code: "failed",
    fact: (f) => `what arrived for ${f("path")} has ${f("length")} bytes, not ${f("wanted")}`,
    hint: "Run it again, and check that the host's disk has room.",
  },
};

const MACHINES: Readonly<Record<string, Refusal>> = {
  AddressTaken: {
    code: "exists",
    fact: (f) => `${f("address")} belongs to "${f("machine")}"`,
    hint: "Run it again: another address is chosen then, where none is declared.",
  },
  Critical: {
    code: "failed",
    fact: (f) => `the storage of the virtual machine "${f("machine")}" is not there (${f("state")})`,
    hint: "Bring the disk or share with its files back.",
  },
  GateStays: {
    code: "timeout",
    fact: (f) => `another process of the host has kept this one from its ${f("name")} for ${f("seconds")} s`,
    hint: "Look for a powershell.exe on the host that hangs, and for the service vmms.",
  },
  GuestStays: {
    code: "timeout",
    fact: (f) => `the guest of "${f("machine")}" did not shut down within ${f("seconds")} s`,
    hint: "Shut it down from inside, or allow it to be turned off.",
  },
  HasSnapshots: {
    code: "failed",
    fact: (f) => `the virtual machine "${f("machine")}" has ${f("count")} checkpoints`,
    hint: "Allow their loss, or remove them first.",
  },
  MacTaken: {
    code: "exists",
    fact: (f) => `${f("mac")} is the MAC of "${f("machine")}"`,
    hint: "Give the interface another mac.",
  },
  NameTaken: {
    code: "exists",
    fact: (f) => `"${f("name")}" is a virtual machine of the host already`,
    hint: "Choose another name, or set `adopt` to its name to take it over.",
  },
  NoMachine: { code: "not-found", fact: (f) => `the host has no virtual machine with the id ${f("id")}` },
  NoPart: {
    code: "not-found",
    fact: (f) => `the virtual machine "${f("machine")}" has no part with the id ${f("id")}`,
  },
  NotOff: {
    code: "failed",
    fact: (f) => `the virtual machine "${f("machine")}" is not off (${f("state")})`,
    hint: "Stop it first.",
  },
  StateStays: {
    code: "timeout",
    fact: (f) => `the virtual machine "${f("machine")}" was still ${f("state")} after ${f("seconds")} s`,
    hint: "Look at it in the host's Hyper-V Manager; the service vmms may hang.",
  },
};

const NETWORKS: Readonly<Record<string, Refusal>> = {
  NatTaken: {
    code: "exists",
    fact: (f) => `the NAT "${f("name")}" of the host has the network ${f("prefix")} already`,
    hint: "Choose another cidr, or remove it on the host: Remove-NetNat.",
  },
  NoAdapter: {
    code: "timeout",
    fact: (f) => `the host's adapter of the switch "${f("switch")}" did not come up within ${f("seconds")} s`,
    hint: "Look at the host's network connections, and run it again.",
  },
  NoSwitch: { code: "not-found", fact: (f) => `the host has no switch with the id ${f("id")}` },
  SwitchInUse: {
    code: "busy",
    fact: (f) => `the virtual machine "${f("machine")}" is connected to the switch "${f("switch")}"`,
    hint: "Disconnect it first.",
  },
};

const REFUSALS: Readonly<Record<string, Refusal>> = { ...BUGS, ...FILES, ...MACHINES, ...NETWORKS };

/** Every id that has a sentence. */
export const refusalIds: readonly string[] = Object.keys(REFUSALS);

/** The error for an id of the agent's own, which stands in its scripts after `Stop-Cv`. */
export function refusal(id: string, facts: Readonly<Record<string, unknown>>, cause: Error): ProviderError {
  const known = REFUSALS[id];
  if (known === undefined)
    return new ProviderError("bug", `the agent refused with ${id}, which has no sentence`, { cause });
  const text = (name: string): string => String(facts[name] ?? "");
  return new ProviderError(known.code, known.fact(text), { hint: known.hint, cause });
}
