import type { Kind } from "../../core/kind.js";
import type { AnyProperty, Properties, Shape } from "../../core/schema.js";

/** Filled in by other faces, never by a user. */
const HIDDEN: ReadonlySet<string> = new Set(["owner"]);

/** The reference of kinds as Markdown: one section for each, with a table of what is declared and one of the outputs. */
export const reference = (kinds: readonly Kind[]): string => kinds.map(section).join("\n");

function section(kind: Kind): string {
  const declared = Object.entries(kind.properties).filter(([name]) => !HIDDEN.has(name));
  const outputs = Object.entries(kind.outputs).filter(([name]) => !(name in kind.properties));
  return [
    `### ${kind.name}`,
    "",
    kind.doc,
    "",
    "| property | type | default | a change | |",
    "|---|---|---|---|---|",
    ...rows(Object.fromEntries(declared), { prefix: "", effect: "live" }),
    "",
    "| output | type | |",
    "|---|---|---|",
    ...outputs.map(([name, p]) => row([code(name), typeOf(p), p.doc])),
    "",
  ].join("\n");
}

interface Above {
  readonly prefix: string;
  /** What a change does where a property inside does not say it. */
  readonly effect: string;
}

function rows(properties: Properties, above: Above): readonly string[] {
  return Object.entries(properties).flatMap(([name, p]) => {
    const path = `${above.prefix}${name}`;
    const effect = p.policy || above.effect === NOTHING ? NOTHING : (p.onChange ?? above.effect);
    const own = row([code(path), typeOf(p), defaultOf(p), effect, p.secret ? `${p.doc} Kept secret.` : p.doc]);
    const { inner, prefix } = fieldsOf(p.shape, path);
    return [own, ...(inner === undefined ? [] : rows(inner, { prefix, effect }))];
  });
}

/** A policy says how to act; changing it alone does nothing to what exists. */
const NOTHING = "nothing";

const fieldsOf = (shape: Shape, path: string): { inner: Properties | undefined; prefix: string } => {
  const item = shape.type === "list" ? shape.items.shape : shape;
  const inner = item.type === "object" ? item.fields : undefined;
  return { inner, prefix: shape.type === "list" ? `${path}[].` : `${path}.` };
};

/** The type in words. */
function typeOf({ shape, reference: to }: AnyProperty): string {
  if (to !== undefined) return `a ${to.kind}, or text`;
  switch (shape.type) {
    case "flag":
      return "boolean";
    case "bytes":
      return "bytes, or text such as `2GiB`";
    case "seconds":
      return "seconds, or text such as `2m`";
    case "choice":
      return shape.values.map(code).join(", ");
    case "list":
      return `list of ${plural(shape.items)}`;
    case "map":
      return `map of ${plural(shape.values)}`;
    default:
      return shape.type;
  }
}

const plural = (p: AnyProperty): string => (p.shape.type === "text" ? "texts" : `${p.shape.type}s`);

function defaultOf({ required, default: value, shape, doc }: AnyProperty): string {
  if (value !== undefined && value !== "" && shape.type !== "object" && shape.type !== "list")
    return code(String(value));
  // A default that is made of something else is told in words.
  return required && value === undefined && !doc.includes("Default: ") ? "required" : "";
}

const code = (text: string): string => `\`${text}\``;
const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
