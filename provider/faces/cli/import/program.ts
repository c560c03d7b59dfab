import type { OpenHost } from "../../../core/engine.js";
import { kinds } from "../../../kinds/index.js";
import { Identifiers } from "./identifiers.js";
import { comments, literal, quoted, Variable } from "./literal.js";
import type { Declared, LeftOut, Survey } from "./survey.js";

/** The program that declares what a survey found, in TypeScript. */
export function program({ identity }: Pick<OpenHost, "identity">, { declared, leftOut }: Survey): string {
  const used = new Set(declared.flatMap(({ references }) => [...references.values()]));
  const classes = [...new Set(declared.map(({ kind }) => kind))].sort();
  const identifiers = new Identifiers(classes);
  const variables = new Map(
    [...used].map((thing) => [thing, identifiers.next(thing.name, kinds[thing.kind].title)] as const),
  );
  const names = resourceNames(declared);
  const statements = declared.map((thing) => statement(thing, names.get(thing) ?? thing.name, variables));
  return [
    ...comments(`What ${identity} has already: set crossvisor:uri to that host.`),
    ...comments("The first update takes it over as it is. `protect` keeps all of it from being deleted."),
    classes.length === 0 ? "export {};" : `import { ${classes.join(", ")} } from ${quoted("crossvisor")};`,
    ...statements.map((text) => `\n${text}`),
    ...(leftOut.length === 0 ? [] : ["", ...leftOut.flatMap((thing) => comments(sentenceOf(thing)))]),
    "",
  ].join("\n");
}

/** Why an object stays out. */
export const sentenceOf = ({ kind, name, why }: LeftOut): string =>
  `Left out: the ${kinds[kind].title} ${JSON.stringify(name)}: ${why}.`;

/** Names of resources: those of the objects, where no other resource of the kind has it and Pulumi can use it. */
function resourceNames(declared: readonly Declared[]): ReadonlyMap<Declared, string> {
  const taken = new Set<string>();
  const names = new Map<Declared, string>();
  for (const thing of declared) {
    const base = thing.name.replaceAll("::", "-");
    let name = base;
    for (let n = 2; taken.has(`${thing.kind} ${name}`); n++) name = `${base}-${n}`;
    taken.add(`${thing.kind} ${name}`);
    names.set(thing, name);
  }
  return names;
}

function statement(thing: Declared, resource: string, variables: ReadonlyMap<Declared, string>): string {
  const { kind, name, adopt, words, references, remarks } = thing;
  const said = { adopt, ...(resource === name ? {} : { name }), ...words };
  const args = withVariables(said, "", (path) => {
    const target = references.get(path);
    const variable = target && variables.get(target);
    return variable === undefined ? undefined : new Variable(variable);
  });
  const variable = variables.get(thing);
  const head = `${variable === undefined ? "" : `const ${variable} = `}new ${kind}(`;
  const parts = [resource, args, { protect: true }];
  const line = `${head}${parts.map((part) => literal(part, 0, Number.NEGATIVE_INFINITY)).join(", ")});`;
  const broken = `${head}\n${parts.map((part) => `  ${literal(part, 1, 3)},\n`).join("")});`;
  return [...remarks.flatMap(comments), line.length <= 120 ? line : broken].join("\n");
}

function withVariables(value: unknown, path: string, variable: (path: string) => Variable | undefined): unknown {
  const stand = variable(path);
  if (stand !== undefined) return stand;
  const at = (step: string | number) => (path === "" ? String(step) : `${path}.${step}`);
  if (Array.isArray(value)) return value.map((inner: unknown, i) => withVariables(inner, at(i), variable));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withVariables(inner, at(key), variable)]),
  );
}
