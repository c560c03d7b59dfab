import { ProviderError } from "../../core/errors.js";
import type { InputsOf } from "../../core/kind.js";
import type { Kinds } from "../../kinds/index.js";

type Inputs = InputsOf<Kinds["StoragePool"]>;

/** What a failure is about. */
export type Failing = Pick<Inputs, "type" | "source">;

interface Known {
  readonly text: RegExp;
  readonly property: string;
  readonly hint: string | ((failing: Failing) => string);
  readonly code?: "unsupported" | "denied" | "exists";
}

const HELPERS: Readonly<Record<string, string>> = {
  nfs: "nfs-common (Debian) or nfs-utils",
  cifs: "cifs-utils",
  glusterfs: "glusterfs-client (Debian) or glusterfs-fuse",
};

/** libvirt 9.0.0, of a pool whose directory is gone. */
export const NO_DIRECTORY = /cannot open directory .*no such file/i;

/** Texts of libvirt 9.0.0 and of the programs that it runs: there are no numbers for these. */
const ANY: readonly Known[] = [
  {
    text: /missing backend for pool type/,
    code: "unsupported",
    property: "type",
    hint: "Install libvirt's storage backend of that type on the host.",
  },
  {
    text: /read-only file system/i,
    property: "path",
    hint: "Find out why on the host (dmesg), and make the file system writable (mount -o remount,rw), or choose another directory.",
  },
  {
    text: NO_DIRECTORY,
    property: "path",
    hint: "Bring it back on the host: mount what belongs there, or make it anew (mkdir) if its files are gone for good.",
  },
];

const GROUP: readonly Known[] = [
  {
    text: /cannot execute binary .*\/(pvs|vgs|lvs|vgcreate|pvcreate|vgchange)\b/,
    code: "unsupported",
    property: "type",
    hint: "Install lvm2 on the host.",
  },
  {
    text: /already formatted using|does not match the expected format|forced overwrite/,
    code: "exists",
    property: "source.devices",
    hint: "Nothing is ever written over: if nobody needs what is on the device, erase its signatures on the host (wipefs --all), and try again.",
  },
  {
    text: /cannot find logical volume group name/,
    property: "source.name",
    hint: "Name a volume group of the host, or set build to true and give source.devices to have it made.",
  },
  {
    text: /source devices/,
    property: "source.devices",
    hint: "Give the devices of the volume group as `pvs` spells them on the host, or leave them out.",
  },
  {
    text: /cannot open device|No such file|not found|\/(pv|vg)create /,
    property: "source.devices",
    hint: "Each must be a block device of the host that nobody uses.",
  },
  {
    text: /vgchange/,
    property: "source.name",
    hint: "Look at the volume group on the host (vgs, lvs, dmesg): it must be whole, and its volumes must not be in use elsewhere.",
  },
];

const MOUNT: readonly Known[] = [
  {
    text: /unknown filesystem type|helper program|mount\.\w+: No such file|No such device/,
    code: "unsupported",
    property: "source.format",
    hint: ({ source }) =>
      `Install what the host needs to mount it: ${HELPERS[source?.format ?? ""] ?? "its mount helper"}, and a kernel that knows it.`,
  },
  {
    text: /access denied|Permission denied|Operation not permitted|error\(13\)/,
    code: "denied",
    property: "source.path",
    hint: "Let the server offer it to this host: its address among the clients of the export, or credentials among source.options.",
  },
  {
    text: /reason given by server: No such file|error\(2\)|failed to get the volume file|No such file or directory/,
    property: "source.path",
    hint: "Check what the server offers (showmount -e, smbclient -L).",
  },
  {
    text: /resolve|Name or service not known|timed out|No route to host|[Cc]onnection refused|unreachable|Host is down|error\(11[0-9]\)/,
    property: "source.host",
    hint: "Check the name and whether the host reaches the server, with its firewalls.",
  },
  {
    text: /statd is not running/,
    property: "source.options",
    hint: 'Use "nfsvers=4.2", or start rpc-statd on the host.',
  },
  {
    text: /Mounting glusterfs on .* failed/,
    property: "source.path",
    hint: "The host's log of that mount in /var/log/glusterfs says why: the server must be reached, and its volume started.",
  },
  {
    text: /(target|device) is busy/,
    property: "path",
    hint: "Shut down the virtual machines whose disks lie there first.",
  },
];

const TABLES: Readonly<Record<Inputs["type"], readonly Known[]>> = {
  dir: ANY,
  logical: [...ANY, ...GROUP],
  netfs: [...ANY, ...MOUNT],
};

/**
 * What the host says when a pool cannot be made, started or stopped, with the property that it is about and a remedy.
 * What is known already stays as it is.
 */
export function poolFailure(error: unknown, failing: Failing): unknown {
  if (!(error instanceof ProviderError) || error.where.property !== undefined) return error;
  const known = TABLES[failing.type].find(({ text }) => text.test(error.fact));
  if (known === undefined) return error;
  const hint = typeof known.hint === "string" ? known.hint : known.hint(failing);
  const where = { ...error.where, property: known.property };
  return new ProviderError(known.code ?? error.code, plainFact(error.fact), { where, hint, cause: error });
}

/** What the program said that libvirt ran, instead of how it was run: the last line that says something of its own. */
function plainFact(fact: string): string {
  const said = /unexpected exit status \d+: (.*)$/s.exec(fact)?.[1];
  if (said === undefined) return fact;
  const lines = said.split("\n").map((line) => line.trim().replace(/^(mount(\.\w+)?:|libvirt: +error :) +/, ""));
  const telling = lines.filter(
    (line) => line !== "" && !/^dmesg\(1\)|^Run `|^Refer to|either use '-o nolock'/i.test(line),
  );
  return (telling.at(-1) ?? said).replace(/[.\s]+$/, "");
}
