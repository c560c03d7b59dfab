import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, posix, relative, resolve, sep } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = resolve(__dirname, "..");
const FOLDERS = ["provider", "sdk", "test", "examples", "tools", "bench"];
const CODE = /\.(ts|mts|cts|js|mjs|cjs|ps1|sh|go)$/;

/** Text of each source file by its path from the root, with slashes. */
type Sources = ReadonlyMap<string, string>;

const sources: Sources = new Map(
  FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && CODE.test(entry.name))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join("/"))
      .filter((path) => !/(^|\/)(node_modules|dist|bin|\.cache)\//.test(path))
      .map((path): [string, string] => [path, readFileSync(join(ROOT, path), "utf8")]),
  ),
);

/** The room of a file: what decides who may see it. */
function roomOf(path: string): string {
  const [top = "", second = "", third = "", ...rest] = path.split("/");
  if (top === "provider" && third === "") return "main";
  if (top === "provider" && (second === "backends" || second === "faces"))
    return rest.length === 0 ? second : `${second}/${third}`;
  if (top === "provider") return second;
  if (top === "sdk") return second === "nodejs" ? "sdk" : "generator";
  return top;
}

/** The rooms that a room may see besides itself; `undefined` where it may see all. */
function visible(room: string): readonly string[] | undefined {
  switch (room.split("/")[0]) {
    case "core":
    case "sdk":
      return [];
    case "kinds":
    case "transports":
    case "media":
      return ["core"];
    case "backends":
      return room === "backends" ? ["core", "kinds"] : ["core", "kinds", "backends", "transports", "media"];
    case "faces":
      return room === "faces" ? ["core", "kinds"] : ["core", "kinds", "faces"];
    case "generator":
      return ["core", "kinds", "sdk"];
    default:
      return undefined;
  }
}

/** Packages that only some rooms use. A library that leaks out of its room cannot be exchanged. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "@pulumi/pulumi": ["faces/pulumi", "sdk", "generator"],
  "@xmldom/xmldom": ["backends/libvirt"],
  ssh2: ["transports"],
  "ssh-config": ["transports"],
};

const isTest = (path: string) => /\.test\.[cm]?ts$/.test(path);

function importsOf(text: string): readonly string[] {
  const written = /(?:\b(?:from|import)\s+|\b(?:import|require)\(\s*)["']([^"'\n]+)["']/g;
  return [...text.matchAll(written)].map(([, name = ""]) => name);
}

/** Imports against the direction, as sentences. */
function wrongImports(files: Sources): readonly string[] {
  return [...files].flatMap(([path, text]) => {
    const room = roomOf(path);
    const may = visible(room);
    if (may === undefined) return [];
    return importsOf(text).flatMap((name) => {
      if (name.startsWith("node:")) return [];
      if (name.startsWith(".")) {
        const target = roomOf(posix.join(posix.dirname(path), name));
        const free = target === room || may.includes(target) || (isTest(path) && target === "test");
        return free ? [] : [`${path} imports ${name}, and ${room} does not see ${target}`];
      }
      if (builtinModules.includes(name)) return [`${path} imports ${name} without node:`];
      const owners = PACKAGES[Object.keys(PACKAGES).find((p) => name === p || name.startsWith(`${p}/`)) ?? ""];
      const own = name === "crossvisor" || name.startsWith("crossvisor/");
      const free = own ? room === "sdk" || room === "generator" : owners?.includes(room);
      return free || isTest(path) ? [] : [`${path} imports ${name}, which ${room} does not use`];
    });
  });
}

/** Files of the shared rooms that name one hypervisor. */
function namesOfHypervisors(files: Sources): readonly string[] {
  return [...files].flatMap(([path, text]) => {
    if (!/^provider\/(core|kinds|faces)\//.test(path)) return [];
    const word = /libvirt|hyper-?v(?!isor)/i.exec(text)?.[0];
    return word === undefined ? [] : [`${path} says ${word}`];
  });
}

const LINES = 400;
/** Generated files may be longer: they say so in their first line. */
function tooLong(files: Sources): readonly string[] {
  return [...files].flatMap(([path, text]) => {
    const lines = text.split("\n").length - 1;
    const generated = /generated/i.test(text.slice(0, text.indexOf("\n")));
    return lines <= LINES || generated ? [] : [`${path} has ${lines} lines, and ${LINES} is the stop`];
  });
}

/**
 * Tests that are skipped and lint rules that are off without a word why. A skipped test says it in its title: a
 * computed one, or one with "(skipped …)".
 */
function withoutReason(files: Sources): readonly string[] {
  return [...files].flatMap(([path, text]) => {
    const lines = text.split("\n");
    return lines.flatMap((line, i) => {
      const at = `${path}:${i + 1}`;
      const off = /\/[/*]\s*(?:biome-ignore|@ts-expect-error|@ts-ignore|@ts-nocheck|eslint-disable)(.*)$/.exec(line);
      if (off)
        return /^[^:]*: ?\S.{10,}|^\s+(?!lint\/)\S.{10,}/.test(off[1] ?? "")
          ? []
          : [`${at} turns a rule off and does not say why`];
      if (!/\b(test|it|describe)\b[.\w]*\.(skip|skipIf|runIf|todo)\b/.test(line)) return [];
      const call = lines.slice(i, i + 3).join(" ");
      const title = /\.(?:skip\(|(?:skipIf|runIf)\(.*?\)\()\s*(["'`]?)(.*)/.exec(call);
      const literal = title !== null && title[1] !== "" && !(title[1] === "`" && call.includes("${"));
      return title !== null && (!literal || /\(skipped/.test(call)) ? [] : [`${at} skips and does not say why`];
    });
  });
}

/** Dependencies that `CONTRIBUTING.md` does not give a reason for: a line with the name in backticks and what it is for. */
function unexplained(manifest: string, guide: string): readonly string[] {
  const parsed = JSON.parse(manifest) as Readonly<Record<string, Readonly<Record<string, string>>>>;
  const kinds = ["dependencies", "peerDependencies", "optionalDependencies", "devDependencies"];
  const names = new Set(kinds.flatMap((kind) => Object.keys(parsed[kind] ?? {})));
  const lines = guide.split("\n");
  return [...names].filter((name) => !lines.some((l) => l.includes(`\`${name}\``) && l.length > name.length + 25));
}

describe("this project", () => {
  test("has its sources where this test looks", () => expect(sources.size).toBeGreaterThan(100));
  test("imports in one direction, and each library in its own room", () => expect(wrongImports(sources)).toEqual([]));
  test("names no hypervisor in shared rooms", () => expect(namesOfHypervisors(sources)).toEqual([]));
  test("has no file that is too long", () => expect(tooLong(sources)).toEqual([]));
  test("says why a test is skipped or a rule is off", () => expect(withoutReason(sources)).toEqual([]));
  test("gives a reason for each dependency, in CONTRIBUTING.md", () => {
    const guide = join(ROOT, "CONTRIBUTING.md");
    expect(existsSync(guide), "CONTRIBUTING.md is missing").toBe(true);
    expect(unexplained(readFileSync(join(ROOT, "package.json"), "utf8"), readFileSync(guide, "utf8"))).toEqual([]);
  });
});

describe("the rules find", () => {
  const found = (rule: (files: Sources) => readonly string[], path: string, text: string) =>
    rule(new Map([[path, text]])).length;

  test.each([
    ["provider/core/a.ts", 'import { kinds } from "../kinds/index.js";', 1],
    ["provider/core/a.ts", 'import type { B } from "./b.js";', 0],
    ["provider/core/a.ts", 'import { Client } from "ssh2";', 1],
    ["provider/core/a.ts", 'import { join } from "path";', 1],
    ["provider/core/a.ts", 'Buffer.from("00", "hex")', 0],
    ["provider/core/a.ts", 'const x = await import("ssh2");', 1],
    ["provider/core/a.test.ts", 'import { test } from "vitest"; import { x } from "../../test/x.js";', 0],
    ["provider/core/a.test.ts", 'import { x } from "../kinds/x.js";', 1],
    ["provider/kinds/a.ts", 'import "../backends/backend.js";', 1],
    ["provider/backends/one/a.ts", 'import { x } from "../two/x.js";', 1],
    ["provider/backends/one/deep/a.ts", 'import { x } from "../x.js"; import "../../../media/m.js";', 0],
    ["provider/backends/backend.ts", 'const x = await import("./one/x.js");', 1],
    ["provider/transports/a.ts", 'import { x } from "../backends/one/x.js";', 1],
    ["provider/media/a.ts", 'import { x } from "../transports/ssh.js";', 1],
    ["provider/faces/one/a.ts", 'import { x } from "../../backends/backend.js";', 1],
    ["provider/faces/one/a.ts", 'import { x } from "../two/x.js";', 1],
    ["provider/main-x.ts", 'import { x } from "./backends/one/x.js";', 0],
    ["sdk/nodejs/a.ts", 'import { x } from "../../provider/core/x.js";', 1],
    ["sdk/nodejs/a.ts", 'require("crossvisor/runtime")', 0],
    ["provider/faces/one/a.ts", 'require("crossvisor/runtime")', 1],
  ])("imports: %s with %s: %i", (path, text, count) => expect(found(wrongImports, path, text)).toBe(count));

  test.each([
    ["provider/core/a.ts", "// as libVirt does", 1],
    ["provider/faces/pulumi/a.ts", "Hyper-V", 1],
    ["provider/kinds/a.ts", 'const hyperv = "";', 1],
    ["provider/kinds/a.ts", "// a hypervisor", 0],
    ["provider/backends/libvirt/a.ts", "// libvirt", 0],
  ])("names: %s with %s: %i", (path, text, count) => expect(found(namesOfHypervisors, path, text)).toBe(count));

  test.each([
    ["a file that fits", "x\n".repeat(LINES), 0],
    ["one line too many", "x\n".repeat(LINES + 1), 1],
    ["a generated one", `// Generated from kinds.\n${"x\n".repeat(LINES)}`, 0],
  ])("length: %s", (_what, text, count) => expect(found(tooLong, "a.ts", text)).toBe(count));

  // The words are put together so that this file is not found itself.
  const skip = (rest: string) => `test.${rest}`;
  test.each([
    [skip('skip("works", f)'), 1],
    [skip("skip(`works \x24{reason}`, f)"), 0],
    [skip('skipIf(!root)("works", f)'), 1],
    [skip('skipIf(!root)("works (skipped without root)", f)'), 0],
    [skip("skipIf(missing !== undefined)(titled(name), f)"), 0],
    [skip(`skipIf(!has())(\n  \`works\${skipped}\`,`), 0],
    [skip('todo("works")'), 1],
    [`// ${"biome-"}ignore lint/x: `, 1],
    [`// ${"biome-"}ignore lint/x: an XML document holds it`, 0],
    [`// ${"@ts-"}expect-error`, 1],
    [`// ${"@ts-"}expect-error: the types of the library lack it`, 0],
  ])("reasons: %s: %i", (text, count) => expect(found(withoutReason, "a.test.ts", text)).toBe(count));

  test("dependencies without a reason", () => {
    const manifest = JSON.stringify({ dependencies: { a: "1", "@b/c": "1" }, devDependencies: { d: "1" } });
    const guide = "- `a`: reads the configuration of the client.\n- `@b/c`\nd is good for something.";
    expect(unexplained(manifest, guide)).toEqual(["@b/c", "d"]);
  });
});
