import type { Command, Option } from "./command.js";

/** Of the whole program. */
export const overview = (commands: readonly Command[]): string => `usage: crossvisor COMMAND [words and options]

${table(commands.map((c) => [c.name, c.summary]))}

${table([...GENERAL, ["--version", "tells the version"]])}

crossvisor COMMAND --help tells more of a command.
`;

/** Of one command. */
export function commandHelp({ name, words, options, summary, help }: Command): string {
  const rows = Object.entries(options).map(([option, o]): [string, string] => [spelled(option, o), o.doc]);
  const more = help === undefined ? "" : `\n${help}\n`;
  return `usage: crossvisor ${[name, ...words, "[options]"].join(" ")}

${summary}

${table([...rows, ...GENERAL])}
${more}`;
}

const GENERAL: readonly (readonly [string, string])[] = [["--help", "tells this"]];

const spelled = (name: string, { text }: Option): string => `--${name}${text === undefined ? "" : ` ${text}`}`;

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
