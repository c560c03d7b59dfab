import type { Finding, Level } from "../../core/finding.js";
import { type Call, type Command, Exit } from "./command.js";
import { HOST_HELP, withHost } from "./host.js";

/** What the signs in front of findings mean, and their order in the summary. */
const LEVELS: readonly Level[] = ["problem", "warning", "unknown", "note", "ok"];

export const doctor: Command = {
  name: "doctor",
  summary: "Looks at a host: can it be reached, and has it what declarations need?",
  words: ["[URI]"],
  options: {
    json: { doc: "prints the findings as JSON" },
    "no-try": { doc: "tries nothing on the host: only asks" },
    strict: { doc: "the exit code counts warnings, and what could not be found out, as problems" },
  },
  help: `${HOST_HELP}

Exit code: 0 no problem was found, 1 there is one, 2 the command line is wrong.
What is made on the host in order to try something is gone again at the end.`,
  run: (call) => withHost(call, (host) => diagnose(call, host)),
};

async function diagnose({ flags, io }: Call, host: Parameters<Parameters<typeof withHost>[1]>[0]): Promise<number> {
  const report = (line: string) => io.err(`${line}\n`);
  const findings = await host.diagnose({ tries: !flags.has("no-try"), report, signal: io.signal });
  const bad = findings.filter(({ level }) => fails(level, flags.has("strict")));
  const json = { host: host.identity, ok: bad.length === 0, findings };
  io.out(flags.has("json") ? `${JSON.stringify(json, undefined, 2)}\n` : text(host.identity, findings));
  return bad.length === 0 && !io.signal.aborted ? Exit.fine : Exit.problems;
}

const fails = (level: Level, strict: boolean): boolean =>
  level === "problem" || (strict && (level === "warning" || level === "unknown"));

function text(host: string, findings: readonly Finding[]): string {
  const counts = LEVELS.map((level) => [findings.filter((f) => f.level === level).length, level] as const);
  const summary = counts.filter(([count]) => count > 0).map(([count, level]) => `${count} ${level}`);
  return `${host}\n${findings.map(paragraph).join("")}${summary.join(", ")}\n`;
}

function paragraph({ level, topic, found, means, remedy, commands = [] }: Finding): string {
  const more = [means, remedy].filter((sentence) => sentence !== undefined).join(" ");
  const lines = [...(more === "" ? [] : [more]), ...commands.map((command) => `$ ${command}`)];
  return [`${level.padEnd(8)} ${topic}: ${found}`, ...lines.map((line) => `         ${line}`), ""].join("\n");
}
