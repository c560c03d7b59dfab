import { parseArgs } from "node:util";
import { ProviderError, placed, sentence } from "../../core/errors.js";
import { type Call, type Command, Exit, type Io, type Program, UsageError } from "./command.js";
import { doctor } from "./doctor.js";
import { commandHelp, overview } from "./help.js";
import { importCommand } from "./import/index.js";

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [doctor, importCommand];

/**
 * Runs one command line, without the names of the interpreter and the program, and answers with the exit code: see
 * `Exit`. It never throws.
 */
export async function run(argv: readonly string[], io: Io, program: Program): Promise<number> {
  const [name = "", ...rest] = argv;
  if (name === "--help" || name === "help" || name === "") {
    (name === "" ? io.err : io.out)(overview(commands));
    return name === "" ? Exit.usage : Exit.fine;
  }
  if (name === "--version") {
    io.out(`${program.version}\n`);
    return Exit.fine;
  }
  const command = commands.find((c) => c.name === name);
  try {
    if (command === undefined)
      throw new UsageError(`there is no ${name.startsWith("-") ? "option" : "command"} ${name}`);
    const { help, ...call } = understand(command, rest, { io, program });
    if (!help) return await command.run(call);
    io.out(commandHelp(command));
    return Exit.fine;
  } catch (error) {
    return failed(error, io, command);
  }
}

function understand(
  command: Command,
  args: readonly string[],
  around: Pick<Call, "io" | "program">,
): Call & { readonly help: boolean } {
  const { values, positionals } = parsed(command, args);
  const given = Object.entries(values);
  if (positionals.length > command.words.length)
    throw new UsageError(`"${positionals[command.words.length]}" is a word too many`);
  return {
    ...around,
    help: values["help"] === true,
    flags: new Set(given.flatMap(([key, value]) => (value === true ? [key] : []))),
    texts: (option) => [values[option] ?? []].flat().filter((value) => typeof value === "string"),
    words: positionals,
  };
}

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

function parsed(
  { options }: Command,
  args: readonly string[],
): { readonly values: Values; readonly positionals: readonly string[] } {
  const types = Object.entries(options).map(([name, { text, multiple = false }]) => {
    const type: "string" | "boolean" = text === undefined ? "boolean" : "string";
    return [name, { type, multiple }] as const;
  });
  try {
    return parseArgs({
      args: [...args],
      options: { ...Object.fromEntries(types), help: { type: "boolean" as const, multiple: false } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error));
  }
}

function failed(error: unknown, io: Io, command: Command | undefined): number {
  if (error instanceof UsageError) {
    const help = command === undefined ? "crossvisor --help" : `crossvisor ${command.name} --help`;
    io.err(`crossvisor: ${error.message}\nSee ${help}.\n`);
    return Exit.usage;
  }
  const { code, fact, where, hint, cause } = placed(error, {});
  // Here the URI is a word of the command line and no property.
  const isUri = where.property === "crossvisor:uri";
  const told = new ProviderError(code, fact, { where: isUri ? { ...where, property: undefined } : where, hint, cause });
  io.err(`crossvisor: ${sentence(told)}\n`);
  return isUri ? Exit.usage : Exit.problems;
}
