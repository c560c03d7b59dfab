import { expect } from "vitest";
import type { AnyProperty, Properties } from "../../provider/core/schema.js";
import { isFields } from "../../provider/core/values.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import { random, seed } from "../faults/schedule.js";
import type { Words } from "./fixture.js";
import type { Promised } from "./promises.js";
import type { Stand } from "./stand.js";

/** What shells, XML, JSON, wildcards, file systems and encodings stumble over. */
const PIECES = [
  ...[
    "'",
    '"',
    "`",
    "$(x)",
    "$" + "{y}",
    "$env:PATH",
    "%PATH%",
    "[a]",
    "*",
    "?",
    "\\",
    "/",
    "<b>",
    "&amp;",
    "]]>",
    "#",
  ],
  ...["|", ";", "..", "-", " ", "\n", "\r\n", "\t", "\0", "\u001b", "日本語", "é", "e\u0301", "\u2028", "\ufeff"],
  ...["😀", "👩‍👩‍👧", "\ud800", "word", "--%", "crossvisor:", "{}", "\\u0041"],
];
const FIXED = [
  'it\'s "quoted" `n $(x) $' + "{y} [a-z]* ? %PATH% ^& | < > ; #",
  "line\nline\ttab \\ end",
  "日本語 é e\u0301 😀👩‍👩‍👧 \u2028",
  "a lone half \ud800 of a pair",
  "crossvisor:{}\ncrossvisor: {}",
  "x'\"`日😀".repeat(600),
];
const CHANCE = 6;

function strings(kind: KindName): readonly string[] {
  const next = random(`${seed} strings ${kind}`);
  const piece = () => PIECES[Math.floor(next() * PIECES.length)] ?? "";
  return [...FIXED, ...Array.from({ length: CHANCE }, () => Array.from({ length: 1 + next() * 8 }, piece).join(""))];
}

/** A place for a string in a declaration: its words with it. */
type Place = (words: Words, text: string) => Words;

/** Where the bytes of a volume come from. */
const LOCATED: ReadonlySet<string> = new Set(["source", "sha256"]);

const isFree = ({ reference, check }: AnyProperty): boolean =>
  reference === undefined && (check?.("/absolute") !== undefined || check?.("relative") === undefined);

/**
 * Every place for a free string, by the property that a refusal must name. What refers to other objects is none, and what
 * says where a file lies is not free.
 */
function places(properties: Properties, words: Words): ReadonlyMap<string, Place> {
  const found = new Map<string, Place>();
  const fieldsOf = (fields: Properties, at: string, lay: (now: Words, change: (old: Words) => Words) => Words) => {
    for (const [name, property] of Object.entries(fields))
      if (property.shape.type === "text" && isFree(property))
        found.set(`${at}.${name}`, (now, text) => lay(now, (old) => ({ ...old, [name]: text })));
  };
  for (const [name, property] of Object.entries(properties)) {
    const { shape, policy } = property;
    if (!isFree(property) || policy || LOCATED.has(name)) continue;
    if (shape.type === "text") found.set(name, (now, text) => ({ ...now, [name]: text }));
    if (shape.type === "map") {
      found.set(`${name} (key)`, (now, text) => ({ ...now, [name]: { ...(now[name] as Words), [text]: "value" } }));
      found.set(`${name} (value)`, (now, text) => ({ ...now, [name]: { ...(now[name] as Words), key: text } }));
    }
    if (shape.type === "object")
      fieldsOf(shape.fields, name, (now, change) => ({ ...now, [name]: change((now[name] as Words) ?? {}) }));
    const [first] = Array.isArray(words[name]) ? words[name] : [];
    if (shape.type === "list" && shape.items.shape.type === "object" && isFields(first))
      fieldsOf(shape.items.shape.fields, `${name}[0]`, (now, change) => {
        const [head, ...tail] = now[name] as readonly Words[];
        return { ...now, [name]: [change(head ?? {}), ...tail] };
      });
  }
  return found;
}

/** Each place refuses a string by its name, or the host has it as it was written. */
export const keepsStrings: Promised = async (stand, kind) => {
  for (const text of strings(kind)) {
    let words = await stand.words(kind, kind === "VirtualMachine" ? { powerState: "stopped" } : {});
    const kept: string[] = [];
    for (const [at, lay] of places(kinds[kind].properties, words)) {
      const laid = lay(words, text);
      const refused = await problemsOf(stand, kind, laid);
      const root = at.replace(/[.[ ].*/, "");
      expect(
        refused.filter((path) => !path.startsWith(root)),
        `${at} as ${JSON.stringify(text)}`,
      ).toEqual([]);
      if (refused.length > 0) continue;
      words = laid;
      kept.push(at);
    }
    const wanted = stand.checked(kind, words);
    const made = await stand.create(kind, words).catch((cause: unknown) => {
      throw new Error(`${kept.join(", ")} as ${JSON.stringify(text)}`, { cause });
    });
    const read = await stand.engine(kind).read(made.id, wanted);
    expect(read?.inputs, `${kept.join(", ")} as ${JSON.stringify(text)}`).toEqual(wanted);
    const listed = (await stand.engine(kind).list()).find(({ id }) => id === made.id);
    expect(listed?.name).toBe(words["name"]);
    await stand.clear();
  }
};

/** Paths of what a preview refuses. */
async function problemsOf(stand: Stand, kind: KindName, words: Words): Promise<readonly string[]> {
  const { inputs, problems } = stand.engine(kind).check(words);
  const all = problems.length > 0 ? problems : await stand.engine(kind).examine(inputs);
  for (const { path, reason } of all) expect(reason.length, path).toBeGreaterThan(5);
  return all.map(({ path }) => path);
}
