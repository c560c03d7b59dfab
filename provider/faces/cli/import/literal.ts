import { isFields } from "../../../core/values.js";

/** Width that lines shall not exceed. */
const WIDTH = 120;

/** A word that stands as it is: the name of a variable. */
export class Variable {
  constructor(readonly name: string) {}
}

/** A value as TypeScript: on one line where that fits behind `used` characters, else broken and indented by `depth` steps. */
export function literal(value: unknown, depth: number, used: number): string {
  const flat = inline(value);
  if (used + flat.length <= WIDTH || !(Array.isArray(value) || isFields(value)) || value instanceof Variable)
    return flat;
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const indent = "  ".repeat(depth + 1);
  const parts = Array.isArray(value)
    ? value.map((element: unknown) => literal(element, depth + 1, indent.length + 1))
    : Object.entries(value).map(([key, inner]) => {
        const name = `${keyOf(key)}: `;
        return name + literal(inner, depth + 1, indent.length + name.length + 1);
      });
  return `${open}\n${parts.map((part) => `${indent}${part},\n`).join("")}${"  ".repeat(depth)}${close}`;
}

function inline(value: unknown): string {
  if (value instanceof Variable) return value.name;
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (!isFields(value)) return String(value);
  const parts = Object.entries(value).map(([key, inner]) =>
    inner instanceof Variable && inner.name === key ? key : `${keyOf(key)}: ${inline(inner)}`,
  );
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

/** A text in double quotes; what some tools take for the end of a line, and halves of characters, are escaped too. */
export const quoted = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** `__proto__` would be no key but the object's prototype, unless it is computed. */
const keyOf = (key: string): string => {
  if (key === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(key) ? key : quoted(key);
};

/** Text as lines of comments, broken at spaces: nothing in it ends a comment. */
export function comments(text: string): string[] {
  const words = text.split(/[\p{Cc}\s\u2028\u2029\ufeff]+/u).filter((word) => word !== "");
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    const longer = `${last ?? "//"} ${word}`;
    if (last === undefined || longer.length > WIDTH) lines.push(`// ${word}`);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
