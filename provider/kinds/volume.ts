import { kind, type Problem } from "../core/kind.js";
import { bytes, choice, flag, integer, text } from "../core/schema.js";
import { checkAbsolutePath, checkName, checkText, common, sameName } from "./common.js";

const SECTOR = 512;

export const Volume = kind({
  name: "Volume",
  title: "volume",
  doc: "A virtual disk in a storage pool.",
  properties: {
    ...common,
    // Its mark proves an owner and does not tell who that is.
    owner: { ...common.owner, unobserved: true },
    name: text({
      doc: "Name in the pool: the file name in a directory. Default: the resource's name.",
      required: true,
      onChange: "replace",
      check: checkName,
    }),
    pool: text({
      doc: "The storage pool: its name, its id, or the absolute path of its directory.",
      default: "default",
      onChange: "replace",
      unobserved: true,
      reference: { kind: "StoragePool", output: "id" },
      check: checkText,
    }),
    size: bytes({
      doc: 'Size as the guest sees it: bytes or text such as "20GiB", a multiple of 512. Default: the size of `source` or `base`. Grows in place, online when a running virtual machine has it; never shrinks.',
      min: SECTOR,
      multipleOf: SECTOR,
      keep: true,
      examples: ["64MiB", "128MiB"],
    }),
    source: text({
      doc: "Image that it starts as: a local file of the machine that runs the program, or an http(s) URL. Streamed; no temporary file.",
      onChange: "replace",
      unobserved: true,
      check: checkText,
    }),
    sha256: text({
      doc: "Digest of `source`, 64 hexadecimal digits. A source with another digest never becomes a volume.",
      check: (v) => (/^[0-9a-f]{64}$/.test(v) ? undefined : "must be 64 lower-case hexadecimal digits"),
      policy: true,
    }),
    base: text({
      doc: "Volume under it: this one holds only what differs (copy on write). Not for format `raw`.",
      onChange: "replace",
      reference: { kind: "Volume", output: "path" },
      check: checkAbsolutePath,
    }),
    format: choice(["qcow2", "raw", "vhdx"], {
      doc: "Format of the file. Default: a format of the host that can be what `provisioning` says.",
      keep: true,
      onChange: "replace",
    }),
    provisioning: choice(["thin", "thick"], {
      doc: "`thin`: takes room on the host as it is written to. `thick`: takes the room of its whole size when it is made. Default: `thin`, and `thick` for a block device.",
      keep: true,
      onChange: "replace",
    }),
    allowDataLoss: flag({
      doc: "The explicit word without which no change may destroy what the volume holds: a replacement is refused at preview.",
      default: false,
      policy: true,
    }),
  },
  outputs: {
    path: text({ doc: "Absolute path on the host.", required: true }),
    size: integer({ doc: "Size as the guest sees it, in bytes.", required: true }),
    allocation: integer({ doc: "Bytes that it takes on the host.", required: true }),
    host: text({ doc: "The host it is on.", required: true }),
  },
  rules: (declared): Problem[] => {
    const given = (name: keyof typeof declared) => name in declared;
    const problems: Problem[] = [];
    if (!given("size") && !given("source") && !given("base"))
      problems.push({
        path: "size",
        reason: "is missing: only a volume with `source` or `base` has a size of its own",
      });
    if (given("source") && given("base"))
      problems.push({ path: "base", reason: "must not be given with `source`: a volume starts as one or the other" });
    if (given("sha256") && !given("source"))
      problems.push({ path: "sha256", reason: "must not be given without `source`" });
    if (given("base") && declared.provisioning === "thick")
      problems.push({
        path: "provisioning",
        reason: 'must not be "thick" with `base`: what lies over another volume holds only what differs',
      });
    if (given("base") && declared.format === "raw")
      problems.push({ path: "format", reason: 'must not be "raw" with `base`: a raw file cannot lie over another' });
    return problems;
  },
  clash: (mine, other, who) => (mine.pool !== undefined && mine.pool === other.pool ? sameName(mine, other, who) : []),
  forbids: (effect, { allowDataLoss }) =>
    effect === "replace" && allowDataLoss !== true
      ? "a replacement destroys what the volume holds: set allowDataLoss to true if that is meant"
      : undefined,
});
