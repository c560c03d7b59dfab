import { type Code, type Details, ProviderError } from "../../../core/errors.js";
import { refusal } from "./refusals.js";

/** What a host said when it could not do something. It stays inside this backend and in the `cause` of a `ProviderError`. */
export class HostError extends Error {
  override readonly name = "HostError";

  constructor(readonly said: ErrorData) {
    super(oneLine(said.message) || said.id);
  }
}

/** An error as the agent sends it. Only `message` is in the host's language, and nobody decides by it. */
export interface ErrorData {
  /** `InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM`; `Crossvisor.…` for the agent's own. */
  readonly id: string;
  /** A word of System.Management.Automation.ErrorCategory. */
  readonly category: string;
  /** HRESULTs of the error and of those under it, as `0x80070005`. */
  readonly results: readonly string[];
  readonly command: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
  /** What the agent saw of the host after the error; absent for the agent's own. */
  readonly host: HostState | undefined;
}

interface HostState {
  /** Status of the service vmms: `Running`, `Stopped`, …, `Absent`, `Unknown`. */
  readonly vmms: string;
  readonly module: boolean;
  readonly administrator: boolean;
  readonly hyperVAdministrator: boolean;
}

interface Meaning {
  readonly code: Code;
  readonly fact?: string;
  readonly hint?: string;
}

const RIGHTS: Meaning = {
  code: "denied",
  hint: "Log in as a member of the host's Administrators. Hyper-V Administrators may manage machines, disks and switches, but neither NAT nor files outside Hyper-V's folders.",
};
const SHARING: Meaning = {
  code: "busy",
  hint: "Another program, virtual machine or backup has the file open. Run the command again when it has let go of it.",
};
const MISSING_FILE: Meaning = {
  code: "failed",
  hint: "Check that the path exists on the host and that the login may see it.",
};
const FULL: Meaning = { code: "failed", hint: "Free space on the host's disk." };

/** By HRESULT, the innermost first (winerror.h, virtdisk.h). */
const BY_RESULT: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ["0x80070005", RIGHTS],
  ["0x80041003", RIGHTS],
  ["0x80070020", SHARING],
  ["0x80070021", SHARING],
  ["0x80070002", MISSING_FILE],
  ["0x80070003", MISSING_FILE],
  ["0x80070070", FULL],
  ["0x80070050", { code: "exists" }],
  ["0x800700b7", { code: "exists" }],
  ["0x80070057", { code: "invalid" }],
  ["0x8007000e", { code: "failed", hint: "The host has too little free memory for this." }],
  [
    "0xc03a0014",
    {
      code: "failed",
      hint: "The parent of the virtual disk is not what it was made over: put the unchanged file back.",
    },
  ],
]);

/** By the category, which holds also for errors without an HRESULT of their own. */
const BY_CATEGORY: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ["PermissionDenied", RIGHTS],
  ["SecurityError", RIGHTS],
  ["ResourceBusy", SHARING],
  ["ResourceExists", { code: "exists" }],
  ["InvalidArgument", { code: "invalid" }],
  ["NotImplemented", { code: "unsupported" }],
  ["NotInstalled", { code: "unsupported" }],
  ["OperationTimeout", { code: "timeout" }],
]);

/**
 * Turns what the agent answered into the one error that drivers know. What explains everything else comes first: a host
 * whose service has stopped says "not found" of all that it has. `not-found` therefore only comes from the agent's own
 * refusals, which are made after a list of all that there is.
 */
export function answerError(data: unknown): ProviderError {
  const said = errorData(data);
  const cause = new HostError(said);
  if (said.id.startsWith("Crossvisor.")) return refusal(said.id.slice("Crossvisor.".length), said.facts, cause);
  const { code, fact, hint } = circumstance(said) ?? meaning(said);
  const by = said.command === "" ? "" : `${said.command}: `;
  return new ProviderError(code, fact ?? `${by}${cause.message}`, { hint, cause });
}

function circumstance({ id, host }: ErrorData): Meaning | undefined {
  if (host === undefined) return undefined;
  if (host.vmms === "Absent" || (!host.module && /^CommandNotFoundException|^CouldNotAutoLoadModule/.test(id)))
    return {
      code: "unsupported",
      fact:
        host.vmms === "Absent" ? "Hyper-V is not installed on the host" : "the host has no PowerShell module Hyper-V",
      hint: "Install them as an administrator: Install-WindowsFeature Hyper-V -IncludeManagementTools -Restart on a server, Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All on Windows 10 and 11.",
    };
  if (host.vmms !== "Running" && host.vmms !== "Unknown")
    return {
      code: "unreachable",
      fact: `the service vmms of Hyper-V is ${host.vmms.toLowerCase()} on the host`,
      hint: "Start it as an administrator: Start-Service vmms.",
    };
  return undefined;
}

function meaning(said: ErrorData): Meaning {
  for (const result of said.results.toReversed()) {
    const found = BY_RESULT.get(result);
    if (found !== undefined) return rights(found, said.host);
  }
  return rights(BY_CATEGORY.get(said.category) ?? { code: "failed" }, said.host);
}

/** A login without rights is often told "not found" or "invalid", so the lack of them is said in any case. */
const rights = (found: Meaning, host: HostState | undefined): Meaning =>
  host === undefined || host.administrator || host.hyperVAdministrator ? found : { ...RIGHTS, code: "denied" };

/** The agent did not start. `noise` is what came in its place. */
export function noAgent(
  host: string,
  noise: string,
  { cause, timedOut = false }: { readonly cause?: unknown; readonly timedOut?: boolean },
): ProviderError {
  const inner = cause instanceof ProviderError ? cause : undefined;
  if (inner !== undefined && !["not-found", "failed", "dropped"].includes(inner.code)) return inner;
  if (inner?.code === "dropped" && noise === "") return notReached(inner);
  const heard = noise.trim().split("\n").at(-1) ?? "";
  const said = inner === undefined || inner.code === "dropped" ? heard : inner.fact;
  const fact = `${host} does not start Windows PowerShell${timedOut ? " in time" : ""}`;
  return new ProviderError(timedOut ? "timeout" : "unsupported", said === "" ? fact : `${fact} (${said})`, {
    hint: "The login must allow commands, and its shell must find powershell.exe, which every Windows with Hyper-V has. Try it: ssh HOST powershell.exe -Command 1.",
    cause,
  });
}

/** Opening changes nothing on the host: a lost answer there means that it was not reached. */
const notReached = (inner: ProviderError): ProviderError =>
  new ProviderError("unreachable", inner.fact, { hint: inner.hint, cause: inner });

/** A PowerShell that cannot run the agent. */
export function wrongPowerShell(host: string, mode: string, version: string): ProviderError {
  const details: Details =
    mode === "FullLanguage"
      ? {
          hint: "Windows PowerShell 5.1 is needed: the Hyper-V module is made for it. Let powershell.exe of the login's PATH be that of Windows.",
        }
      : {
          hint: "A policy (AppLocker, WDAC) limits PowerShell for this login: allow it the full language, or use another one.",
        };
  const fact =
    mode === "FullLanguage"
      ? `powershell.exe of ${host} is PowerShell ${version}`
      : `PowerShell of ${host} runs in the mode ${mode}`;
  return new ProviderError("unsupported", fact, details);
}

function errorData(data: unknown): ErrorData {
  const all = record(data);
  const text = (name: string): string => (typeof all[name] === "string" ? all[name] : "");
  const results = Array.isArray(all["results"]) ? all["results"].filter((r) => typeof r === "string") : [];
  const host = typeof all["host"] === "object" && all["host"] !== null ? record(all["host"]) : undefined;
  return {
    id: text("id"),
    category: text("category"),
    results,
    command: text("command"),
    message: text("message"),
    facts: record(all["facts"]),
    host: host && {
      vmms: String(host["vmms"]),
      module: host["module"] === true,
      administrator: host["administrator"] === true,
      hyperVAdministrator: host["hyperVAdministrator"] === true,
    },
  };
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

const oneLine = (message: string): string =>
  message
    .replace(/\s*\r?\n\s*/g, "; ")
    .trim()
    .replace(/[.;\s]+$/, "");
