import type { Kind } from "../provider/core/kind.js";
import type { AnyProperty, Properties } from "../provider/core/schema.js";
import { kinds } from "../provider/kinds/index.js";
import { argsType, capital, comment, docOf, member, type Named, outputType } from "./generate-types.js";

const HEADER = "// Generated from provider/kinds by `npm run generate`: do not edit.\n";
/** Filled in by the class itself. */
const HIDDEN = new Set(["owner"]);

/** The generated files of the Node.js SDK, by name. */
export function nodejsFiles(): Readonly<Record<string, string>> {
  const all: readonly Kind[] = Object.values(kinds);
  const files = all.map((kind) => [`${fileOf(kind.name)}.ts`, classFile(kind)] as const);
  const index = `${HEADER}export { Host, type HostArgs } from "./host.js";\n${all
    .map((kind) => `export * from "./${fileOf(kind.name)}.js";\n`)
    .join("")}`;
  return Object.fromEntries([...files, ["index.ts", index]]);
}

/** `VirtualMachine` -> `virtual-machine`. */
const fileOf = (name: string): string => name.replace(/(?<=.)[A-Z]/g, "-$&").toLowerCase();

function classFile(kind: Kind): string {
  const shown = visible(kind.properties);
  const args: Named[] = [];
  const results: Named[] = [];
  const argFields = Object.entries(shown).map(([name, p]) => {
    const required = p.required && name !== "name";
    const type = argsType(p, `${kind.name}${capital(name)}`, args);
    return member(required ? name : `${name}?`, required ? type : `${type} | undefined`, docOf(p));
  });
  const outputs = Object.entries({ ...shown, ...kind.outputs }).map(([name, p]) => {
    const type = outputType(p, `${kind.name}${capital(name)}`, results);
    const optional = p.required || p.default !== undefined ? "" : " | undefined";
    return member(name, `pulumi.Output<${type}${optional}>`, p.doc, "declare readonly");
  });
  const optionalArgs = Object.entries(shown).every(([name, p]) => !p.required || name === "name");
  const imports = referenced(kind.properties).filter((name) => name !== kind.name);
  return [
    HEADER,
    'import * as pulumi from "@pulumi/pulumi";\n',
    'import { HostResource, type KindFacts, typeOf } from "./resource.js";\n',
    ...imports.map((name) => `import type { ${name} } from "./${fileOf(name)}.js";\n`),
    ...[...args, ...results].map((n) => `\n${comment(n.doc, "")}export interface ${n.name} {\n${n.body}}\n`),
    `\nexport interface ${kind.name}Args {\n${argFields.join("")}}\n`,
    `\nconst FACTS: KindFacts = ${facts(kind)};\n`,
    `\n${comment(kind.doc, "")}export class ${kind.name} extends HostResource {\n`,
    `  /** Type token, for policies. */\n  static readonly __pulumiType: string = typeOf("${kind.name}");\n\n`,
    `  static override isInstance(value: unknown): value is ${kind.name} {\n`,
    `    return pulumi.CustomResource.isInstance(value) && Reflect.get(value, "__pulumiType") === ${kind.name}.__pulumiType;\n  }\n\n`,
    outputs.join(""),
    `\n  constructor(name: string, args: ${kind.name}Args${optionalArgs ? " = {}" : ""}, opts?: pulumi.CustomResourceOptions) {\n`,
    "    super(FACTS, name, args, opts);\n  }\n}\n",
  ].join("");
}

function facts(kind: Kind): string {
  const references: [string, string][] = [];
  const secrets: string[] = [];
  walk(kind.properties, "", (path, p) => {
    if (p.reference) references.push([path, p.reference.output]);
    if (p.secret) secrets.push(path);
  });
  const outputs = Object.keys({ ...visible(kind.properties), ...kind.outputs }).filter((name) => name !== "name");
  const data = { kind: kind.name, outputs, references: Object.fromEntries(references), secrets };
  return JSON.stringify(data, null, 2).replace(/^( +)"([A-Za-z]+)":/gm, "$1$2:");
}

function referenced(properties: Properties): readonly string[] {
  const names = new Set<string>();
  walk(properties, "", (_, p) => p.reference && names.add(p.reference.kind));
  return [...names].sort();
}

function walk(properties: Properties, prefix: string, visit: (path: string, p: AnyProperty) => void): void {
  for (const [name, p] of Object.entries(properties)) walkOne(p, `${prefix}${name}`, visit);
}

function walkOne(p: AnyProperty, path: string, visit: (path: string, p: AnyProperty) => void): void {
  visit(path, p);
  if (p.shape.type === "object") walk(p.shape.fields, `${path}.`, visit);
  if (p.shape.type === "list") walkOne(p.shape.items, `${path}.*`, visit);
  if (p.shape.type === "map") walkOne(p.shape.values, `${path}.*`, visit);
}

const visible = (properties: Properties): Properties =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => !HIDDEN.has(name)));
