import { type Code, ProviderError, type Where } from "../../../core/errors.js";
import type { Of } from "./codec.js";
import { ErrorCode as E } from "./codes.js";
import type { errorBody } from "./types.js";
import { XdrError } from "./xdr.js";

/** What a daemon said when it refused a call. It stays inside this room and in the `cause` of a `ProviderError`. */
export class LibvirtError extends Error {
  override readonly name = "LibvirtError";
  readonly code: number;
  readonly domain: number;
  readonly level: number;
  readonly details: readonly (string | undefined)[];

  constructor(body: Of<typeof errorBody>) {
    super(oneLine(body.message ?? "") || `libvirt error ${body.code}`);
    this.code = body.code;
    this.domain = body.domain;
    this.level = body.level;
    this.details = [body.str1, body.str2, body.str3];
  }
}

/** The number (`ErrorCode`) with which the daemon refused, or `undefined` when the error is of another origin. */
export function libvirtCode(error: unknown): number | undefined {
  const inner = error instanceof ProviderError ? error.cause : error;
  return inner instanceof LibvirtError ? inner.code : undefined;
}

/** Whether the daemon does not know the procedure at all: it is older than the call. */
export const isUnknownProcedure = (error: unknown): boolean => {
  const inner = error instanceof ProviderError ? error.cause : error;
  return inner instanceof LibvirtError && inner.code === E.rpc && /unknown procedure/.test(inner.message);
};

interface Meaning {
  readonly code: Code;
  readonly hint?: string;
}

const READ_ONLY = "Connect to the daemon's read-write socket instead of the read-only one.";
const POLKIT =
  "Add the user to the group libvirt on the host and log in again, or allow org.libvirt.unix.manage to it by a polkit rule.";
const ACCESS =
  "The host's access control (access_drivers) keeps this from the user: allow it by a polkit rule for the actions org.libvirt.api.…, which docs/libvirt.md of crossvisor lists.";
const BUS =
  "Start D-Bus and polkit on the host, which decide whether this user may manage machines, and restart libvirt, which looks for them once; or connect as root.";
const FILES =
  "The daemon's QEMU user must be able to read the file and to enter every folder above it; check the owner, the permissions and the AppArmor or SELinux rules of the host.";

const byCode: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  ...[E.noDomain, E.noNetwork, E.noPool, E.noVolume, E.noSecret, E.noSnapshot, E.noNwfilter, E.noNodeDevice].map(
    (code): [number, Meaning] => [code, { code: "not-found" }],
  ),
  ...[E.volumeExists, E.domainExists, E.networkExists].map((code): [number, Meaning] => [code, { code: "exists" }]),
  [E.operationDenied, { code: "denied", hint: READ_ONLY }],
  [E.accessDenied, { code: "denied", hint: ACCESS }],
  [E.authFailed, { code: "denied", hint: POLKIT }],
  [E.authCancelled, { code: "denied", hint: POLKIT }],
  [E.authUnavailable, { code: "denied", hint: POLKIT }],
  [
    E.operationTimeout,
    { code: "timeout", hint: "Another operation on the same object was still running; try again when it has ended." },
  ],
  [E.agentTimeout, { code: "timeout", hint: "The guest agent did not answer; check that it runs in the guest." }],
  [E.agentUnresponsive, { code: "failed", hint: "Install and start the QEMU guest agent in the guest." }],
  [E.resourceBusy, { code: "busy" }],
  [E.argumentUnsupported, { code: "unsupported" }],
  [E.noSupport, { code: "unsupported" }],
  [E.operationUnsupported, { code: "unsupported" }],
  [E.configUnsupported, { code: "unsupported" }],
  [E.xml, { code: "invalid" }],
  [E.xmlDetail, { code: "invalid" }],
  [E.schema, { code: "invalid" }],
  [E.invalidArgument, { code: "invalid" }],
  [E.noMemory, { code: "failed", hint: "The daemon ran out of memory." }],
]);

const SPLIT =
  "libvirt is split into daemons there, and this one does not run: start it and let it start with the host (`systemctl enable --now virt…d.socket`).";

const GONE = "A daemon behind this one has ended: see that it runs, and run the command again.";

const byText: readonly (readonly [RegExp, Meaning])[] = [
  [/already exists|already defined|is already in use by/i, { code: "exists" }],
  [/access denied by policy|authentication (is )?required|polkit/i, { code: "denied", hint: POLKIT }],
  // The daemon wants to ask polkit whether this user may connect, and cannot (measured, 9.0.0).
  [/system bus connection/i, { code: "denied", hint: BUS }],
  // One daemon leads calls to another, and finds nobody, or that it has gone meanwhile (measured, 9.0.0).
  [/failed to connect socket to '.*virt\w+d-sock'/i, { code: "unreachable", hint: SPLIT }],
  [/client socket is closed/i, { code: "unreachable", hint: GONE }],
  [/permission denied/i, { code: "denied", hint: FILES }],
  [/cannot allocate memory/i, { code: "failed", hint: "The host has too little free memory for this." }],
  [/no space left on device/i, { code: "failed", hint: "Free space on the file system of the pool." }],
  [/disk quota exceeded/i, { code: "failed", hint: "Raise the quota of the file system of the pool." }],
  [
    /failed to get "?(write|consistent read|shared "?write"?)"? lock|failed to get .* lock/i,
    { code: "busy", hint: "Another program or virtual machine has the image open." },
  ],
  [
    /cannot acquire state change lock/i,
    { code: "busy", hint: "Another operation on the same object was still running; try again when it has ended." },
  ],
  [
    /more available pci slots/i,
    { code: "failed", hint: "Stop the virtual machine, so that the device gets a port when it starts." },
  ],
  [/unknown procedure/i, { code: "unsupported", hint: "The host's libvirt is too old for this." }],
];

/** Codes of which the text alone tells the cause: the daemon reports most failures under them. */
const vague: ReadonlySet<number> = new Set([E.internal, E.operationFailed, E.system, E.rpc, E.noMemory, E.authFailed]);

const meaningOf = ({ code, message }: LibvirtError): Meaning => {
  const said = vague.has(code) ? byText.find(([pattern]) => pattern.test(message))?.[1] : undefined;
  return said ?? byCode.get(code) ?? { code: "failed" };
};

/**
 * Any error of this room as a `ProviderError`: libvirt's own message is the fact, its number decides the code, and the
 * `LibvirtError` stays reachable as the cause.
 */
export function toProviderError(error: unknown, where?: Where): ProviderError {
  if (error instanceof ProviderError) return error;
  if (error instanceof LibvirtError) {
    const { code, hint } = meaningOf(error);
    return new ProviderError(code, error.message, { where, hint, cause: error });
  }
  if (error instanceof XdrError) {
    return new ProviderError("bug", `unreadable message: ${error.message}`, { where, cause: error });
  }
  return new ProviderError("bug", oneLine(error instanceof Error ? error.message : String(error)), {
    where,
    cause: error,
  });
}

/** One line without a full stop at its end; the document that a parser quotes behind its complaint is left out. */
const oneLine = (message: string): string =>
  message
    .replace(/\r?\n\s*<[\s\S]*$/, "")
    .replace(/\s*\r?\n\s*/g, "; ")
    .trim()
    .replace(/[.;\s]+$/, "");
