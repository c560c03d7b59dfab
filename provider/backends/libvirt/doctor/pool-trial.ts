import { randomBytes } from "node:crypto";
import { isProviderError, type ProviderError } from "../../../core/errors.js";
import type { Finding } from "../../../core/finding.js";
import { pools, volumes } from "../rpc/procedures/storage.js";
import type { VolumeRef } from "../rpc/types.js";
import { type Tree, write } from "../xml.js";
import { enumeration, type Subject } from "./check.js";
import type { Started } from "./pools.js";
import { withTrial } from "./trial.js";

/** A volume that is tried, and where it is. */
interface Probe {
  readonly pool: Started;
  readonly vol: VolumeRef;
}

/** As many as get device names of one letter without thinking; the rest is not tried, and that is said. */
const MOST = 16;
const OF_FILES: ReadonlySet<string> = new Set(["dir", "fs", "netfs"]);
const PREFIX = "crossvisor-doctor-";
/** Bytes. */
const SIZE = 65_536;

/**
 * Whether a machine can use disks of these pools: by an empty volume in each, and a machine that is paused with all of
 * them. That alone shows folders that are closed to QEMU's user further up, and what AppArmor or SELinux say to it.
 */
export async function tryPools(subject: Subject, started: readonly Started[]): Promise<readonly Finding[]> {
  const candidates = started.filter(({ type, path }) => OF_FILES.has(type) && path !== undefined);
  const probes: Probe[] = [];
  const found: Finding[] = [];
  try {
    for (const pool of candidates.slice(0, MOST)) {
      const made = await prepared(subject, pool);
      if ("vol" in made) probes.push(made);
      else found.push(made);
    }
    const rest = started.filter((pool) => !candidates.slice(0, MOST).includes(pool));
    return [...found, ...(await start(subject, probes)), ...untried(rest)];
  } finally {
    for (const { vol } of probes)
      await subject.host.session.call(volumes.delete, { vol, flags: 0 }, { timeoutMs: 30_000 }).catch(() => undefined);
  }
}

function untried(pools: readonly Started[]): Finding[] {
  if (pools.length === 0) return [];
  const names = enumeration(pools.map(({ ref, type }) => `"${ref.name}" (${type})`));
  const found = `volumes of ${names} were not tried: only those of ${MOST} pools whose volumes are files are`;
  return [{ topic: "storage pool", level: "note", found }];
}

async function prepared(subject: Subject, pool: Started): Promise<Probe | Finding> {
  const { session } = subject.host;
  try {
    await sweep(subject, pool);
    // The time is in the name, so that what a killed process left is known later.
    const name = `${PREFIX}${Date.now().toString(36)}-${randomBytes(3).toString("hex")}.raw`;
    const xml = write([
      "volume",
      {},
      ["name", {}, name],
      ["capacity", { unit: "bytes" }, String(SIZE)],
      ["allocation", { unit: "bytes" }, "0"],
      ["target", {}, ["format", { type: "raw" }]],
    ]);
    return { pool, vol: await session.call(volumes.create, { pool: pool.ref, xml, flags: 0 }, subject.patience) };
  } catch (error) {
    if (!isProviderError(error, "failed", "denied", "invalid", "busy", "exists", "unsupported")) throw error;
    return {
      topic: "storage pool",
      level: "problem",
      found: `no volume can be made in the storage pool "${pool.ref.name}": ${error.fact}`,
      remedy: error.hint ?? "Let the daemon write to its folder.",
      commands: [`ls -ld ${pool.path}; df -h ${pool.path}`],
    };
  }
}

/** Milliseconds after which nobody is trying any more. */
const OLD = 3_600_000;

/** Takes away what a look left whose process was killed. */
async function sweep({ host: { session }, patience }: Subject, { ref }: Started): Promise<void> {
  const old = ({ name }: VolumeRef) => {
    const made = Number.parseInt(/^crossvisor-doctor-([0-9a-z]+)-[0-9a-f]{6}\.raw$/.exec(name)?.[1] ?? "", 36);
    return made < Date.now() - OLD;
  };
  for (const vol of (await session.call(pools.volumes, { pool: ref, flags: 0 }, patience)).filter(old))
    await session.call(volumes.delete, { vol, flags: 0 }, patience).catch(() => undefined);
}

/** Starts a machine with all volumes; without the one that it fails over as long as it fails over one. */
async function start(subject: Subject, probes: readonly Probe[]): Promise<readonly Finding[]> {
  if (probes.length === 0) return [];
  const { tcg } = await subject.host.facts();
  const disks = probes.map(({ vol }, i) => disk(vol, i));
  const trial = { name: "crossvisor-doctor-disk", virtualisation: tcg === undefined ? "kvm" : "qemu", disks } as const;
  try {
    await withTrial(subject, { ...trial, paused: true }, async () => undefined);
    return [];
  } catch (error) {
    if (!isProviderError(error, "failed", "denied", "invalid", "busy", "exists", "unsupported")) throw error;
    const culprit = probes.find(({ vol }) => error.fact.includes(vol.key));
    if (culprit === undefined) return [untold(error)];
    const others = probes.filter((probe) => probe !== culprit);
    return [denied(culprit.pool, error), ...(await start(subject, others))];
  }
}

const disk = ({ key }: VolumeRef, i: number): Tree => [
  "disk",
  { type: "file", device: "disk" },
  ["driver", { name: "qemu", type: "raw" }],
  ["source", { file: key }],
  ["target", { dev: `vd${String.fromCharCode("a".charCodeAt(0) + i)}`, bus: "virtio" }],
];

const untold = (error: ProviderError): Finding => ({
  topic: "storage pool",
  level: "unknown",
  found: `whether machines can use its volumes: the machine that tried did not start (${error.fact})`,
  remedy: error.hint,
});

const denied = ({ ref, path = "" }: Pick<Started, "ref" | "path">, error: ProviderError): Finding => ({
  topic: "storage pool",
  level: "problem",
  found: `a machine cannot use volumes of the storage pool "${ref.name}": ${error.fact}`,
  means: "No machine starts with a disk of this pool.",
  remedy:
    "Let QEMU's user pass through every folder above the volumes; where each lets it, AppArmor or SELinux denies it: see the host's kernel log.",
  commands: [`namei -l ${path}`, "journalctl -k -g DENIED"],
});
