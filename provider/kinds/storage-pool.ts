import { kind, type Problem } from "../core/kind.js";
import { choice, flag, list, type Normal, object, text } from "../core/schema.js";
import { checkAbsolutePath, checkName, checkText, common, sameName } from "./common.js";

/** LVM's own rule for names of groups (lvm(8)). */
const checkGroup = (value: string): string | undefined =>
  /^[A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,126}$/.test(value) && !/^\.\.?$/.test(value)
    ? undefined
    : `must be 1 to 127 letters, digits or +_.- and not begin with a dash, not "${value}"`;

const checkServer = (value: string): string | undefined =>
  /^[A-Za-z0-9._-]+$|^[0-9A-Fa-f:]+$|^\[[0-9A-Fa-f:]+\]$/.test(value) && !value.startsWith("-")
    ? undefined
    : `must be the name or address of a host, not "${value}"`;

/** One option of a mount. They go to a command line as one list, which commas part; what they say is no secret. */
function checkOption(value: string): string | undefined {
  if (!/^[A-Za-z][\w-]*(=[^\s,]+)?$/.test(value))
    return `must be "name" or "name=value" without commas, not "${value}"`;
  return /^pass(word)?2?=/i.test(value)
    ? "must not hold a password, which anybody on the host could read: use credentials=FILE with a file on the host"
    : undefined;
}

const source = object(
  {
    host: text({ doc: "For `netfs`: name or address of the file server.", check: checkServer }),
    path: text({
      doc: "For `netfs`: what the server offers: the directory for `nfs`, the name of the share for `cifs` (`share` or `share/folder`), of the volume for `glusterfs`.",
      check: (v) => (/\s/.test(v) ? "must not contain white space" : checkText(v)),
    }),
    format: choice(["nfs", "cifs", "glusterfs"], { doc: "For `netfs`: the protocol. Required there." }),
    options: list(text({ doc: "One option.", check: checkOption }), {
      doc: 'For `netfs`: further options of the mount, such as "nfsvers=4.2" or "credentials=/etc/cifs.secret".',
    }),
    name: text({ doc: "For `logical`: the volume group. Default: the pool's name.", check: checkGroup }),
    devices: list(
      text({
        doc: "A block device.",
        check: (v) =>
          /^\/dev\/[^\s]+$/.test(v) ? undefined : `must be a block device of the host (/dev/…), not "${v}"`,
      }),
      {
        doc: "For `logical`: block devices that the volume group lies on. It is refused when it lies on others. Needed for `build`.",
      },
    ),
  },
  {
    doc: "Where what the pool holds comes from. For `netfs` and `logical`.",
    onChange: "replace",
  },
);

const properties = {
  ...common,
  // Its mark proves an owner and does not tell who that is.
  owner: { ...common.owner, unobserved: true },
  name: text({
    doc: "Name on the host. Default: the resource's name.",
    required: true,
    onChange: "replace",
    check: checkName,
  }),
  type: choice(["dir", "logical", "netfs"], {
    doc: "`dir`: a directory. `logical`: an LVM volume group, whose volumes are block devices. `netfs`: a directory of a file server, which the host mounts.",
    default: "dir",
    onChange: "replace",
  }),
  path: text({
    doc: "Absolute path of the directory on the host, for `netfs` of the mount point. It is made when it is missing. Needed, except for `logical`, which has none.",
    onChange: "replace",
    check: checkAbsolutePath,
  }),
  source,
  build: flag({
    doc: "For `logical`: the explicit word without which no volume group is made. One that is missing is then made of `source.devices`, which must be empty: nothing is ever written over.",
    default: false,
    policy: true,
  }),
  autostart: flag({ doc: "Start it when the host starts.", default: true, examples: [true, false] }),
  active: flag({
    doc: "Whether it is started. One that somebody else stopped is started again; `false` stops it: then its volumes cannot be read or changed.",
    default: true,
    examples: [true, false],
  }),
  onDelete: choice(["keep", "delete"], {
    doc: "`keep`: deletion takes the pool from the host's list and leaves what it holds where it is. `delete`: the directory of a `dir` is removed too, if it is empty.",
    default: "keep",
    policy: true,
  }),
} as const;

type Declared = Partial<Normal<typeof properties>>;
type Type = NonNullable<Declared["type"]>;

export const StoragePool = kind({
  name: "StoragePool",
  title: "storage pool",
  doc: "A place on the host that holds volumes: a directory, an LVM volume group, or a directory of a file server.",
  properties,
  outputs: {
    capacity: text({ doc: "Bytes of the file system or volume group, as a decimal number in text.", required: true }),
    available: text({ doc: "Free bytes, as a decimal number in text.", required: true }),
    active: flag({ doc: "Whether it is started.", required: true }),
    host: text({ doc: "The host it is on.", required: true }),
  },
  rules: (declared) => [...typeRules(declared), ...sourceRules(declared)],
  clash: (mine, other, who) => [...sameName(mine, other, who), ...samePlace(mine, other, who)],
});

/** What each type needs, and what it has no use for. */
const FIELDS: Readonly<Record<Type, { readonly needs: readonly string[]; readonly takes: readonly string[] }>> = {
  dir: { needs: ["path"], takes: [] },
  logical: { needs: [], takes: ["source", "source.name", "source.devices", "build"] },
  netfs: {
    needs: ["path", "source", "source.host", "source.path", "source.format"],
    takes: ["source.options"],
  },
};

function typeRules(declared: Declared): Problem[] {
  const { type } = declared;
  if (type === undefined) return [];
  const { needs, takes } = FIELDS[type];
  const of = "source" in declared && declared.source === undefined ? undefined : (declared.source ?? {});
  const given = (path: string) => {
    const [, field] = path.split(".");
    return field === undefined ? path in declared : of !== undefined && field in of;
  };
  const inside = Object.keys(source.shape.type === "object" ? source.shape.fields : {}).map((f) => `source.${f}`);
  const foreign = ["path", "source", ...inside].filter((p) => given(p) && ![...needs, ...takes].includes(p));
  const wrong = (path: string, reason: string) => ({ path, reason });
  const problems = [
    ...needs.filter((p) => !given(p) && of !== undefined).map((p) => wrong(p, `is missing: type "${type}" needs it`)),
    ...foreign.map((p) => wrong(p, `must not be given: it means nothing for type "${type}"`)),
  ];
  if (declared.build === true && !takes.includes("build"))
    problems.push(wrong("build", 'must not be true: only type "logical" is built'));
  if (declared.onDelete === "delete" && type !== "dir")
    problems.push(wrong("onDelete", `must be "keep": what a pool of type "${type}" holds is never deleted with it`));
  // What is inside a source that does not belong there at all needs no word of its own.
  return foreign.includes("source") ? problems.filter(({ path }) => !path.startsWith("source.")) : problems;
}

/** How each protocol spells what a server offers. */
const SPELLING = {
  nfs: { form: /^\//, reason: 'must be an absolute path on the server, such as "/srv/images"' },
  cifs: { form: /^[^/\\]/, reason: 'must be the name of a share without a slash before it, such as "images"' },
  glusterfs: { form: /./, reason: "must be the name of a volume" },
} as const;

function sourceRules({ type, source: from, build }: Declared): Problem[] {
  const problems: Problem[] = [];
  if (type === "netfs" && from?.format !== undefined && from.path !== undefined) {
    const { form, reason } = SPELLING[from.format];
    if (!form.test(from.path)) problems.push({ path: "source.path", reason: `${reason}, not "${from.path}"` });
  }
  if (
    type === "logical" &&
    build === true &&
    (from === undefined || !("devices" in from) || from.devices?.length === 0)
  )
    problems.push({ path: "source.devices", reason: "is missing: `build` makes the volume group of these" });
  const devices = from?.devices ?? [];
  devices.forEach((device, i) => {
    if (device !== undefined && devices.indexOf(device) < i)
      problems.push({ path: `source.devices[${i}]`, reason: `"${device}" is given twice` });
  });
  return problems;
}

/** The volume group of a pool of type `logical`. */
export const groupOf = ({ name, source: from }: Pick<Declared, "name" | "source">): string => from?.name ?? name ?? "";

function samePlace(mine: Declared, other: Declared, who: string): Problem[] {
  const own = (reason: string) => `${reason} of ${who} too: give each one of its own`;
  if (mine.path !== undefined && mine.path === other.path)
    return [{ path: "path", reason: own(`"${mine.path}" is the directory`) }];
  if (mine.type !== "logical" || other.type !== "logical") return [];
  if (groupOf(mine) === groupOf(other) && groupOf(mine) !== "")
    return [{ path: "source.name", reason: own(`"${groupOf(mine)}" is the volume group`) }];
  const shared = (mine.source?.devices ?? []).findIndex((d) => other.source?.devices?.includes(d));
  return shared < 0
    ? []
    : [
        {
          path: `source.devices[${shared}]`,
          reason: own(`"${mine.source?.devices?.[shared]}" is a device`),
        },
      ];
}
