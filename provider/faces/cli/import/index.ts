import type { OpenHost } from "../../../core/engine.js";
import { ProviderError } from "../../../core/errors.js";
import { type KindName, kinds } from "../../../kinds/index.js";
import { type Call, type Command, Exit, UsageError } from "../command.js";
import { HOST_HELP, withHost } from "../host.js";
import { program, sentenceOf } from "./program.js";
import { everything, survey, type Thing } from "./survey.js";

export const importCommand: Command = {
  name: "import",
  summary: "Prints a program that takes over what a host has already.",
  words: ["[URI]"],
  options: {
    name: {
      doc: "objects of this name, with all that they use; * and ? stand for any letters",
      text: "NAME",
      multiple: true,
    },
    kind: { doc: `only this kind: ${Object.keys(kinds).join(", ")}`, text: "KIND", multiple: true },
    all: { doc: "everything that the host has" },
  },
  help: `${HOST_HELP}

The program is TypeScript. Nothing on the host is changed, neither by this nor by the update that takes it over, which
marks machines and networks as managed. What belongs to another stack, and what a declaration cannot say, is left out and
named in comments.

Exit code: 0 all was printed that was asked for, 1 something was left out or there is no such object, 2 the command line
is wrong.`,
  run: (call) => {
    const names = call.texts("name");
    const all = call.flags.has("all");
    const chosen = call.texts("kind").map(kindOf);
    if (all === names.length > 0) throw new UsageError("say which objects: --name NAME, or --all for everything");
    return withHost(call, (host) => print(call, host, { names, chosen }));
  },
};

interface Wish {
  /** Patterns; all objects without any. */
  readonly names: readonly string[];
  /** All kinds without any. */
  readonly chosen: readonly KindName[];
}

async function print({ io }: Call, host: OpenHost, wish: Wish): Promise<number> {
  const all = await everything(host);
  const things = [...all].flatMap(([kind, list]) => list.map(({ id, name }): Thing => ({ kind, id, name })));
  const able = things.filter(({ kind }) => wish.chosen.length === 0 || wish.chosen.includes(kind));
  const patterns = wish.names.map((text) => ({ text, matches: pattern(text) }));
  for (const { text, matches } of patterns)
    if (!able.some(({ name }) => matches.test(name)))
      throw new ProviderError("not-found", `nothing on it has the name "${text}"`, {
        where: { host: host.identity, verb: "import", kind: wish.chosen.length === 0 ? "objects of" : "host" },
        hint: "Look for the names of what it has with --all.",
      });
  const wanted = able.filter(({ name }) => patterns.length === 0 || patterns.some(({ matches }) => matches.test(name)));
  const found = await survey(host, all, wanted);
  io.out(program(host, found));
  for (const thing of found.leftOut) io.err(`${sentenceOf(thing)}\n`);
  const missed = found.leftOut.some(({ kind, id }) => wanted.some((w) => w.kind === kind && w.id === id));
  return missed && wish.names.length > 0 ? Exit.problems : Exit.fine;
}

/** A pattern in which * means any letters and ? any one. */
const pattern = (text: string): RegExp =>
  new RegExp(
    `^${text
      .replace(/[\\^$.|+()[\]{}]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
    "su",
  );

/** `VirtualMachine`, `virtual-machine` and `"virtual machine"` are the same kind. */
function kindOf(word: string): KindName {
  const plain = (text: string) => text.toLowerCase().replace(/[\s_-]/g, "");
  const found = (Object.keys(kinds) as KindName[]).find((name) => plain(name) === plain(word));
  if (found === undefined) throw new UsageError(`"${word}" is no kind: there are ${Object.keys(kinds).join(", ")}`);
  return found;
}
