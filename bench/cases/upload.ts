import { createHash, randomFillSync } from "node:crypto";
import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cloningFolder, cloningLacks } from "../../test/libvirt/pool-lab.js";
import { runWell } from "../../test/pulumi/run.js";
import { type Sshd, startSshd } from "../../test/ssh/sshd.js";
import type { Lab } from "../lab.js";
import { interleaved, timed } from "../measure.js";
import { atLeastShare, type Result } from "../report.js";
import { openTerraform } from "../terraform.js";
import { openWorker } from "../worker.js";

const MIB = 2 ** 20;
const POOL = "bench";
/** Rates are in millions of bytes in a second. */
const rate = (bytes: number, seconds: number): number => bytes / 1e6 / seconds;

/** Everything that one upload works on. */
interface Place {
  readonly lab: Lab;
  /** Random bytes: nothing of them can be left out. */
  readonly source: string;
  readonly bytes: number;
  /** The pool's folder. */
  readonly folder: string;
}

/** A file becomes a volume: over the socket and over ssh; the way to the host and the publication on it apart. */
export async function upload(lab: Lab): Promise<readonly Result[]> {
  const place = await prepare(lab);
  const results = [...(await overSocket(place))];
  if (lab.peers.sftp === undefined) return results;
  const sshd = await startSshd({ config: ["Subsystem sftp internal-sftp"] });
  try {
    results.push(...(await overSsh(place, sshd)));
  } finally {
    await sshd.stop();
  }
  return results;
}

async function prepare(lab: Lab): Promise<Place> {
  const source = join(lab.folder, "source.raw");
  const bytes = lab.options.upload * MIB;
  const handle = await open(source, "w");
  const piece = Buffer.alloc(MIB);
  for (let at = 0; at < bytes; at += MIB) await handle.write(randomFillSync(piece));
  await handle.close();
  const folder = join(lab.host.pools, POOL);
  const worker = openWorker({ uri: direct(lab) });
  await worker.make("StoragePool", { name: POOL, path: folder });
  if (cloningLacks() === undefined) {
    // Room for the upload, the journal and what the file system keeps for itself.
    const path = await cloningFolder(lab.host, lab.options.upload * 1.5 + 300);
    await worker.make("StoragePool", { name: CLONING, path });
  }
  await worker.close();
  return { lab, source, bytes, folder };
}

/** Without the counting door, which would carry every byte once more. */
const direct = (lab: Lab): string => `qemu:///system?socket=${lab.host.socket}`;
/** The pool whose files can be cloned. */
const CLONING = "bench-clone";
const TRANSFER = "crossvisor, transfer";
const WHOLE = "crossvisor, whole Volume";
const WHOLE_CLONED = "crossvisor, whole Volume on XFS";

async function overSocket(place: Place): Promise<readonly Result[]> {
  const { lab, source, bytes, folder } = place;
  const copy = join(folder, "copy.raw");
  const cp = (durable: boolean) => async () => {
    await settle(copy);
    const words = [
      "-c",
      `cp --sparse=never --reflink=never "$1" "$2"${durable ? ' && sync "$2"' : ""}`,
      "sh",
      source,
      copy,
    ];
    const seconds = await timed(() => runWell("sh", words, { cwd: folder, timeout: 900_000 }));
    await same(copy, bytes);
    return rate(bytes, seconds);
  };
  const ours = crossvisor(place, { uri: direct(lab) });
  const values = await interleaved(lab.options.repeat, {
    [TRANSFER]: ours.transfer,
    cp: cp(false),
    "cp and sync": cp(true),
    ...(lab.peers.virsh
      ? { "virsh vol-upload": virshUpload(place, `qemu+unix:///system?socket=${lab.host.socket}`) }
      : {}),
    ...(cloningLacks() === undefined ? { [WHOLE_CLONED]: cloned(place) } : {}),
    ...terraform(place),
  });
  const { repeated: whole } = ours;
  const goal = atLeastShare(0.8, TRANSFER, "cp");
  return [
    {
      name: `upload of ${lab.options.upload} MiB over the socket`,
      unit: "MB/s",
      goal,
      values: { ...values, [WHOLE]: whole() },
    },
  ];
}

async function overSsh(place: Place, sshd: Sshd): Promise<readonly Result[]> {
  const { lab, source, bytes, folder } = place;
  const known = join(sshd.dir, "known");
  await runWell("sh", ["-c", 'printf %s "$1" > "$2"', "sh", sshd.hostKeyLine, known], { cwd: folder });
  const copy = join(folder, "copy.raw");
  const options = [
    "-q",
    "-P",
    String(sshd.port),
    "-i",
    sshd.clientKeyPath,
    "-o",
    `UserKnownHostsFile=${known}`,
    "-F",
    "none",
  ];
  const sftp = async () => {
    await settle(copy);
    const words = ["-c", 'f=$1 t=$2; shift 2; echo "put $f $t" | sftp -b - "$@"', "sh", source, copy, ...options];
    const seconds = await timed(() =>
      runWell("sh", [...words, `${sshd.user}@127.0.0.1`], { cwd: folder, timeout: 900_000 }),
    );
    await same(copy, bytes);
    return rate(bytes, seconds);
  };
  const uri =
    `qemu+ssh://${sshd.user}@127.0.0.1:${sshd.port}/system?socket=${lab.host.socket}` +
    `&keyfile=${sshd.clientKeyPath}&known_hosts=${known}`;
  const ours = crossvisor(place, { uri });
  const values = await interleaved(lab.options.repeat, {
    [TRANSFER]: ours.transfer,
    sftp,
  });
  const goal = atLeastShare(0.8, TRANSFER, "sftp");
  const all = { ...values, [WHOLE]: ours.repeated() };
  return [{ name: `upload of ${lab.options.upload} MiB over ssh`, unit: "MB/s", goal, values: all }];
}

/** Makes a volume, and tells the rate of the transfer alone; `repeated` are those of all that the creation does. */
function crossvisor({ source, bytes, folder }: Place, settings: { readonly uri: string }) {
  const whole: number[] = [];
  const transfer = async (): Promise<number> => {
    await settle(join(folder, "ours.raw"));
    const worker = openWorker(settings);
    const [start, at] = [performance.now(), { begun: 0, ended: 0 }];
    const heard = (line: string): void => {
      if (/^uploading/.test(line)) at.begun = performance.now();
      if (/^publishing/.test(line)) at.ended = performance.now();
    };
    const made = await worker.make("Volume", { name: "ours.raw", pool: POOL, format: "raw", source }, heard);
    whole.push(rate(bytes, (performance.now() - start) / 1000));
    await same(join(folder, "ours.raw"), bytes);
    if ((await digest(join(folder, "ours.raw"))) !== (await digest(source)))
      throw new Error("the volume is another one");
    await worker.remove("Volume", made);
    await worker.close();
    return rate(bytes, (at.ended - at.begun) / 1000);
  };
  return { transfer, repeated: (): readonly number[] => whole };
}

/** All that the creation does where the host can clone the upload, so that it is written once. */
const cloned =
  ({ lab, source, bytes }: Place) =>
  async (): Promise<number> => {
    await settle(join(lab.folder, "nothing"));
    const worker = openWorker({ uri: direct(lab) });
    const start = performance.now();
    const made = await worker.make("Volume", { name: "ours.raw", pool: CLONING, format: "raw", source });
    const seconds = (performance.now() - start) / 1000;
    const path = String(made.outputs["path"]);
    if (!(await lab.host.exec(["sha256sum", path])).startsWith(await digest(source)))
      throw new Error("the volume is another one");
    await worker.remove("Volume", made);
    await worker.close();
    return rate(bytes, seconds);
  };

const virshUpload =
  ({ lab, source, bytes, folder }: Place, uri: string) =>
  async (): Promise<number> => {
    await settle(join(folder, "virsh.raw"));
    const virsh = (command: string) =>
      runWell(lab.peers.virsh ?? "virsh", ["-q", "-c", uri, command], { cwd: folder, timeout: 900_000 });
    await virsh(`vol-create-as ${POOL} virsh.raw ${bytes} --allocation 0 --format raw`);
    const seconds = await timed(() => virsh(`vol-upload --pool ${POOL} virsh.raw ${source}`));
    await virsh(`vol-delete --pool ${POOL} virsh.raw`);
    return rate(bytes, seconds);
  };

/** The whole `apply` of one volume with a source: the provider tells no times of its parts. */
function terraform({ lab, source, bytes, folder }: Place): Readonly<Record<string, () => Promise<number>>> {
  const peer = lab.peers.terraform;
  if (peer === undefined) return {};
  const side = async (): Promise<number> => {
    await settle(join(folder, "tf.raw"));
    const project = await openTerraform(peer, direct(lab));
    await project.program(
      `resource "libvirt_volume" "v" {\n  name = "tf.raw"\n  pool = "${POOL}"\n  format = "raw"\n  source = "${source}"\n}`,
    );
    const seconds = await timed(() => project.run("apply"));
    await same(join(folder, "tf.raw"), bytes);
    await project.run("destroy");
    await project.close();
    return rate(bytes, seconds);
  };
  return { [`${peer.name} apply, whole volume`]: side };
}

/** Nothing is there from before, and the disk has no writing to do. */
async function settle(path: string): Promise<void> {
  await rm(path, { force: true });
  await runWell("sync", [], { cwd: "/", timeout: 900_000 });
}

async function same(path: string, bytes: number): Promise<void> {
  const { size } = await stat(path);
  if (size !== bytes) throw new Error(`${path} has ${size} of ${bytes} bytes`);
}

async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  const handle = await open(path);
  for await (const piece of handle.createReadStream()) hash.update(piece as Buffer);
  return hash.digest("hex");
}
