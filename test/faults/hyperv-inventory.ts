import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

type Words = Readonly<Record<string, unknown>>;

/** Another value every time: moments, numbers of adapters, and MACs that the host gives itself. */
const PASSING = new Set([
  "created",
  "until",
  "started",
  "mergeUntil",
  "visible",
  "interface",
  "state",
  "port",
  "device",
]);
const GUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** What a simulated Hyper-V host has, as its own state says, and the files of its drive that are not Windows'. */
export async function hypervInventory(root: string): Promise<unknown> {
  const [state, pools, data] = await Promise.all([
    records(root),
    filesBelow(join(root, "C/Pools")),
    filesBelow(join(root, "C/ProgramData")),
  ]);
  const names = namesByGuid(state);
  const named = (text: string) => text.replace(GUID, (guid) => names.get(guid.toLowerCase()) ?? "ID");
  const objects = [...state].flatMap(([key, record]) => {
    const kind = key.split("/")[0] ?? "";
    // On Windows the DHCP server's binding goes with the interface.
    return kind === "binding" ? [] : [[kind, named(JSON.stringify(record, lasting(kind)))] as const];
  });
  const kinds = [...new Set(objects.map(([kind]) => kind))].sort();
  return {
    ...Object.fromEntries(
      kinds.map((kind) => [kind, objects.flatMap(([k, text]) => (k === kind ? [text] : [])).sort()]),
    ),
    files: [...pools, ...data].map(named).sort(),
  };
}

/** The last record of each key that is not empty (`module/state.ps1`). */
async function records(root: string): Promise<ReadonlyMap<string, Words>> {
  const found = new Map<string, Words>();
  const [, ...lines] = (await readFile(join(root, ".sim/state.log"), "utf8")).split("\n");
  for (const line of lines) {
    const [key = "", text = ""] = line.split(/\t(.*)/s);
    if (text === "") found.delete(key);
    else if (isWhole(text)) found.set(key, JSON.parse(text));
  }
  return found;
}

/** A session that was killed may leave half a line. */
const isWhole = (text: string): boolean => text.startsWith("{") && text.endsWith("}");

/** Everything that has an id is called by what it is. */
function namesByGuid(state: ReadonlyMap<string, Words>): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    const { id, name, kind, controller, number, location } = value as Words;
    if (typeof id === "string")
      names.set(id.toLowerCase(), String(name ?? `${kind} ${controller} ${number}:${location}`));
    for (const part of Object.values(value)) visit(part);
  };
  for (const record of state.values()) visit(record);
  return names;
}

/** Leaves out what passes, and sorts words. A switch has a MAC of the host's choice. */
const lasting =
  (kind: string) =>
  (key: string, value: unknown): unknown => {
    if (PASSING.has(key) || (key === "mac" && kind === "switch")) return undefined;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  };

/** Files, and the folders that hold none, but for those that Hyper-V leaves of machines. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const inside = folder.slice(folder.indexOf("/C/"));
  return entries
    .filter((entry) => entry.isFile() || inside === "/C/Pools")
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length - inside.length));
}
