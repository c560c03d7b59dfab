import { type KindName, kinds } from "../../provider/kinds/index.js";
import { STEPS, type Table } from "../matrix/entry.js";
import { type Row, rowsOf } from "../matrix/verdict.js";

/** Filled in by faces, never by a user. */
const HIDDEN: ReadonlySet<string> = new Set(["owner"]);

/** What every edit does in every state, as the plan of a backend says it: a table for each kind. */
export const effects = (tables: Readonly<Record<KindName, Table>>): string =>
  (Object.keys(kinds) as KindName[]).map((kind) => section(kind, tables[kind])).join("\n\n");

function section(kind: KindName, table: Table): string {
  const rows = rowsOf(table).filter(({ at }) => !HIDDEN.has(at));
  const places = [...new Set(rows.map(({ at }) => at))];
  const lines = places.map((at) => {
    const cells = table.states.map((state) => cell(rows.filter((r) => r.at === at && r.state === state)));
    return `| ${[spelled(at), ...cells].join(" | ")} |`;
  });
  return [
    `### ${kind}`,
    "",
    `| property | ${table.states.join(" | ")} |`,
    `|---|${table.states.map(() => "---").join("|")}|`,
    ...lines,
  ].join("\n");
}

/** `cpus (up to maxCpus)` with the place as code. */
const spelled = (at: string): string => at.replace(/^\S+/, (place) => `\`${place}\``);

/** One answer where adding, changing and removing do the same. Steps whose examples would be no declaration say nothing. */
function cell(rows: readonly Row[]): string {
  const right = rows.filter(({ effect }) => effect !== "refused");
  if (rows.length === 0) return "–";
  if (right.length === 0) return "refused";
  const words = new Map(right.map((row) => [row.step, word(row)]));
  const different = [...new Set(words.values())];
  if (different.length === 1) return different.join("");
  const stepsOf = (said: string) => STEPS.filter((step) => words.get(step) === said).join(", ");
  return different.map((said) => `${stepsOf(said)}: ${said}`).join("; ");
}

const word = ({ at, effect, because, paths }: Row): string => {
  // What is stopped is started by any update: that is not this property's doing.
  const own = at === "active" || paths.some((path) => path !== "active");
  const said = own && effect !== "none" ? effect : "nothing";
  return because.length === 0 ? said : `${said} (${because.join("; ")})`;
};
