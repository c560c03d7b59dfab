import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandNames } from "./commands.js";

// Writes signatures.json beside this file, cut down to the commands that the host has:
//   npx tsx test/hosts/hyperv/signatures-generate.ts PATH/OF/signatures.json
// The input holds facts of Microsoft's documentation of Windows Server 2016 to 2025 and of one recorded 2016 host.

interface SourceParameter {
  readonly type: string;
  readonly sets: readonly string[];
  readonly required: boolean;
  readonly position: string;
  readonly aliases?: readonly string[];
  readonly accepted?: readonly string[];
  readonly pipeline?: string;
}
interface SourceSignature {
  readonly versions: readonly string[];
  readonly outputs?: readonly string[];
  readonly parameterSets: readonly { readonly name: string | null; readonly default: boolean }[];
  readonly parameters: Readonly<Record<string, readonly SourceParameter[]>>;
}
interface SourceCommand {
  readonly module: string;
  readonly signatures: readonly SourceSignature[];
  readonly recorded_5_1_14393?: { readonly parameterSets: readonly (readonly { readonly name: string }[])[] };
}

/** One parameter: type, aliases and accepted values where there are any, then a word for each set it is in. */
const parameter = (entries: readonly SourceParameter[]) => {
  const [first] = entries;
  return {
    type: first?.type.replace(/^System\./, "") ?? "Object",
    ...(first?.aliases === undefined ? {} : { aliases: first.aliases }),
    ...(first?.accepted === undefined ? {} : { accepted: first.accepted }),
    in: entries.flatMap(({ sets, required, position, pipeline = "" }) =>
      sets.map((set) => ({
        ...(set === "(All)" ? {} : { set }),
        ...(required ? { required } : {}),
        ...(/^\d+$/.test(position) ? { position: Number(position) } : {}),
        ...(/ByValue/.test(pipeline) ? { byValue: true } : {}),
        ...(/ByPropertyName/.test(pipeline) ? { byName: true } : {}),
      })),
    ),
  };
};

const signature = (source: SourceSignature) => ({
  versions: source.versions,
  defaultSet: source.parameterSets.find((set) => set.default)?.name ?? null,
  parameters: Object.fromEntries(
    Object.entries(source.parameters).map(([name, entries]) => [name, parameter(entries)]),
  ),
});

const command = (source: SourceCommand) => {
  const recorded = source.recorded_5_1_14393?.parameterSets.flat().map(({ name }) => name);
  return {
    module: source.module,
    signatures: source.signatures.map(signature),
    ...(recorded === undefined ? {} : { recorded2016: [...new Set(recorded)] }),
  };
};

const main = ([path]: readonly string[]): void => {
  if (path === undefined) throw new Error("which signatures.json?");
  const { commands } = JSON.parse(readFileSync(path, "utf8")) as { commands: Record<string, SourceCommand> };
  const lines = commandNames.map((name) => {
    const source = commands[name];
    if (source === undefined) throw new Error(`${name} is not in ${path}`);
    return `${JSON.stringify(name)}:${JSON.stringify(command(source))}`;
  });
  writeFileSync(join(__dirname, "signatures.json"), `{\n${lines.join(",\n")}\n}\n`);
};

main(process.argv.slice(2));
