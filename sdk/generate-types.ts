import type { AnyProperty, Effect, Shape } from "../provider/core/schema.js";

/** An interface that a type needs. */
export interface Named {
  readonly name: string;
  readonly doc: string;
  readonly body: string;
}

/** What a user may write for a property, `Input` at every level. Interfaces that it needs are added to `needed`. */
export function argsType(p: AnyProperty, name: string, needed: Named[]): string {
  const own = `pulumi.Input<${writtenType(p, name, needed)}>`;
  return p.reference === undefined ? own : `${own} | pulumi.Input<${p.reference.kind}>`;
}

function writtenType(p: AnyProperty, name: string, needed: Named[], defaulted?: string): string {
  const { shape } = p;
  switch (shape.type) {
    case "bytes":
    case "seconds":
      return "number | string";
    case "list": {
      // The key of an element has a default where it is made of its place.
      const key = shape.key?.prefix === "" ? undefined : shape.key?.field;
      return `readonly pulumi.Input<${writtenType(shape.items, singular(name), needed, key)}>[]`;
    }
    case "map":
      return `Readonly<Record<string, ${argsType(shape.values, singular(name), needed)}>>`;
    case "object": {
      const body = Object.entries(shape.fields).map(([key, inner]) => {
        const type = argsType(inner, `${name}${capital(key)}`, needed);
        const required = inner.required && key !== defaulted;
        return member(required ? key : `${key}?`, required ? type : `${type} | undefined`, docOf(inner));
      });
      return interfaceFor(`${name}Args`, p, body, needed);
    }
    default:
      return plain(shape);
  }
}

/** What a program reads back: the normal form. */
export function outputType(p: AnyProperty, name: string, needed: Named[]): string {
  const { shape } = p;
  switch (shape.type) {
    case "bytes":
    case "seconds":
      return "number";
    case "list": {
      const items = outputType(shape.items, singular(name), needed);
      return `readonly ${items.includes(" ") ? `(${items})` : items}[]`;
    }
    case "map":
      return `Readonly<Record<string, ${outputType(shape.values, singular(name), needed)}>>`;
    case "object": {
      const body = Object.entries(shape.fields).map(([key, inner]) => {
        const type = outputType(inner, `${name}${capital(key)}`, needed);
        const settled = inner.required || inner.default !== undefined;
        return member(settled ? key : `${key}?`, settled ? type : `${type} | undefined`, inner.doc);
      });
      return interfaceFor(name, p, body, needed);
    }
    default:
      return plain(shape);
  }
}

function interfaceFor(name: string, p: AnyProperty, body: readonly string[], needed: Named[]): string {
  needed.push({ name, doc: p.doc, body: body.join("") });
  return name;
}

function plain(shape: Shape): string {
  if (shape.type === "choice") return shape.values.map((v) => JSON.stringify(v)).join(" | ");
  return shape.type === "text" ? "string" : shape.type === "flag" ? "boolean" : "number";
}

const EFFECTS: Readonly<Record<Effect, string>> = {
  live: "Changed live.",
  restart: "A change may need a restart.",
  replace: "A change needs a replacement.",
};

/** The property's documentation with its default and the effect of a change, for an argument. */
export function docOf(p: AnyProperty): string {
  const value = p.shape.type === "object" || p.shape.type === "list" ? undefined : p.default;
  const facts = [
    value === undefined || value === "" ? "" : `Default: ${JSON.stringify(value)}.`,
    p.onChange === undefined || p.doc.includes(EFFECTS[p.onChange]) ? "" : EFFECTS[p.onChange],
    p.secret ? "Kept secret." : "",
  ].filter((fact) => fact !== "");
  return facts.length === 0 ? p.doc : `${p.doc}\n\n${facts.join(" ")}`;
}

/** A doc comment of one or more lines. */
export function comment(doc: string, indent: string): string {
  const lines = doc.split("\n");
  return lines.length === 1
    ? `${indent}/** ${doc} */\n`
    : `${indent}/**\n${lines.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("")}${indent} */\n`;
}

export const member = (name: string, type: string, doc: string, modifier = "readonly"): string =>
  `${comment(doc, "  ")}  ${modifier} ${name}: ${type};\n`;
export const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
/** `VirtualMachineDisks` -> `VirtualMachineDisk`: the name of a list's element. */
const singular = (name: string): string => name.replace(/sses$/, "ss").replace(/(?<!s)s$/, "");
