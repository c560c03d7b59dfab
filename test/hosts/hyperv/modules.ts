import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Versions of Windows Server whose commands are known. */
export type ServerVersion = "2016" | "2019" | "2022" | "2025";

interface Place {
  readonly set?: string;
  readonly required?: boolean;
  readonly position?: number;
  readonly byValue?: boolean;
  readonly byName?: boolean;
}
interface Parameter {
  readonly type: string;
  readonly aliases?: readonly string[];
  readonly accepted?: readonly string[];
  readonly in: readonly Place[];
}
interface Command {
  readonly module: string;
  readonly signatures: readonly {
    readonly versions: readonly string[];
    readonly defaultSet: string | null;
    readonly parameters: Readonly<Record<string, Parameter>>;
  }[];
  readonly recorded2016?: readonly string[];
}

/** Commands that every Windows has and that Microsoft's pages of the server's modules do not hold. */
const ofWindows: Readonly<Record<string, Command>> = {
  "Get-Service": plain("Microsoft.PowerShell.Management.Services", { Name: "String[]" }),
  "Get-CimInstance": plain("CimCmdlets", {
    ClassName: "String",
    Namespace: "String",
    Query: "String",
    Filter: "String",
    Property: "String[]",
  }),
};

function plain(module: string, types: Readonly<Record<string, string>>): Command {
  const parameters = Object.entries(types).map(([name, type], position): [string, Parameter] => [
    name,
    { type, in: [{ position }] },
  ]);
  const versions = ["2016", "2019", "2022", "2025"];
  return { module, signatures: [{ versions, defaultSet: null, parameters: Object.fromEntries(parameters) }] };
}

/** All commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  ...(JSON.parse(readFileSync(join(__dirname, "signatures.json"), "utf8")) as Record<string, Command>),
  ...ofWindows,
};

const simple: Readonly<Record<string, string>> = {
  SwitchParameter: "switch",
  String: "string",
  Boolean: "bool",
  Byte: "byte",
  Guid: "guid",
  Int16: "int16",
  Int32: "int",
  Int64: "long",
  UInt16: "uint16",
  UInt32: "uint32",
  UInt64: "uint64",
  TimeSpan: "timespan",
  Version: "version",
  IPAddress: "System.Net.IPAddress",
};

const typesText = readFileSync(join(__dirname, "module/types.ps1"), "utf8");
const isHypervType = (name: string): boolean => new RegExp(`^${name}[ ]`, "m").test(typesText);

/** The type of a parameter as PowerShell writes it; what is not known here takes anything. */
const typeOf = ({ type, accepted }: Parameter, module: string): string => {
  const [, name = "", list = ""] = /^(.*?)(\[\])?$/.exec(type) ?? [];
  const known = simple[name];
  if (known !== undefined) return known + list;
  if (name.startsWith("Vhd")) return `Microsoft.Vhd.PowerShell.${name}${list}`;
  if (module === "Hyper-V" && isHypervType(name)) return `Microsoft.HyperV.PowerShell.${name}${list}`;
  return (accepted === undefined ? "object" : "string") + list;
};

const place = ({ set, required, position, byValue, byName }: Place): string => {
  const words = [
    ...(set === undefined ? [] : [`ParameterSetName='${set}'`]),
    ...(required === true ? ["Mandatory=$true"] : []),
    ...(position === undefined ? [] : [`Position=${position}`]),
    ...(byValue === true ? ["ValueFromPipeline=$true"] : []),
    ...(byName === true ? ["ValueFromPipelineByPropertyName=$true"] : []),
  ];
  return `[Parameter(${words.join(",")})]`;
};

const parameterText = (name: string, parameter: Parameter, module: string): string => {
  const type = typeOf(parameter, module);
  const { accepted, aliases } = parameter;
  const set = accepted !== undefined && /^string/.test(type) ? `[ValidateSet(${quoted(accepted)})]` : "";
  const alias = aliases === undefined ? "" : `[Alias(${quoted(aliases)})]`;
  return `${parameter.in.map(place).join("")}${alias}${set}[${type}]$${name}`;
};

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(",");

/** What PowerShell adds to every command by itself. */
const common = new Set(["Confirm", "WhatIf"]);
/** Commands that ask before they act unless told otherwise: the same list stands in `module/core.ps1`. */
const asking =
  /^(Remove-(VM|VMSwitch|NetNat|NetIPAddress|NetNatStaticMapping|DhcpServerv4Scope)|New-NetNat|Restart-VM)$/;

/** The function of a command as the version has it; undefined when that version does not have the command. */
const functionText = (name: string, command: Command, version: ServerVersion): string | undefined => {
  const signature = command.signatures.find(({ versions }) => versions.includes(version));
  if (signature === undefined) return undefined;
  // What a real 2016 host did not show is not there, whatever the pages say.
  const recorded = version === "2016" ? command.recorded2016 : undefined;
  const kept = Object.entries(signature.parameters).filter(
    ([key]) => !common.has(key) && (recorded === undefined || recorded.includes(key)),
  );
  const binding = [
    ...(signature.defaultSet === null ? [] : [`DefaultParameterSetName='${signature.defaultSet}'`]),
    "SupportsShouldProcess=$true",
    ...(asking.test(name) ? ["ConfirmImpact='High'"] : []),
  ];
  const parameters = kept.map(([key, parameter]) => parameterText(key, parameter, command.module));
  return `function ${name} {
[CmdletBinding(${binding.join(",")})]param(
${parameters.join(",\n")})
process { Invoke-Simulated '${command.module}' '${name}' $PSCmdlet $PSBoundParameters } }`;
};

/** Text of each module by name: a function for each command, with the parameters that the version's commands have. */
export const moduleTexts = (version: ServerVersion): ReadonlyMap<string, string> => {
  const functions = new Map<string, string[]>();
  for (const [name, command] of Object.entries(commands)) {
    const text = functionText(name, command, version);
    if (text === undefined) continue;
    functions.set(command.module, [...(functions.get(command.module) ?? []), text]);
  }
  const head = 'Import-Module "$env:CROSSVISOR_SIM_ROOT/.sim/simulator.psm1"';
  return new Map([...functions].map(([module, texts]) => [module, `${head}\n${texts.join("\n")}\n`]));
};

/** The manifest of a module: its version, and the names of its commands, so that they are found before it is loaded. */
export const manifestText = (module: string, text: string): string => {
  const names = [...text.matchAll(/^function (\S+)/gm)].map(([, name = ""]) => name);
  return `@{ ModuleVersion = '2.0.0.0'; RootModule = '${module}.psm1'; GUID = '${guidOf(module)}'; FunctionsToExport = @(${quoted(names)}); CmdletsToExport = @(); VariablesToExport = @(); AliasesToExport = @() }\n`;
};

const guidOf = (module: string): string => {
  const digits = Buffer.from(module.padEnd(16, "_")).toString("hex");
  return digits.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

const parts = "types core state vm parts power network switch vhdx vhd drives snapshots hosts net dhcp guest";

/** The module that does the work for all others, in one text: one file is read more quickly than many. */
export const simulatorText = (): string => {
  const texts = parts.split(" ").map((name) => readFileSync(join(__dirname, "module", `${name}.ps1`), "utf8"));
  return `${texts.join("\n")}\nExport-ModuleMember -Function Invoke-Simulated\n`;
};
