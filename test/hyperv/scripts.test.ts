import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { refusalIds } from "../../provider/backends/hyperv/agent/refusals.js";
import { engine } from "../hosts/powershell.js";

const ROOM = resolve(__dirname, "../../provider/backends/hyperv");
const FOLDER = join(ROOM, "scripts");
const names = readdirSync(FOLDER);
const textOf = (name: string): string => readFileSync(join(FOLDER, name), "utf8");
const all = names.map(textOf).join("\n");
const found = (pattern: RegExp, text: string): readonly string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, word = ""]) => word))].toSorted();

describe("the agent's scripts", () => {
  test.each(names)("%s is ASCII with plain line ends, which no code page changes", (name) =>
    expect(textOf(name)).toMatch(/^[\n -~]+\n$/),
  );
  test("refuse with ids that have a sentence, and no sentence is left over", () => {
    expect([...refusalIds].toSorted()).toEqual(
      found(/Stop-Cv '(\w+)'|Crossvisor\.(?=\w)/g, all)
        .filter(Boolean)
        .concat("NoRequest")
        .toSorted(),
    );
  });
  test("answer the requests that are asked, and no other but those of the wire", () => {
    const asked = readdirSync(join(ROOM, "requests")).map((name) => readFileSync(join(ROOM, "requests", name), "utf8"));
    const answered = found(/\$CvRequests\['([\w.]+)'\]/g, all).filter((name) => !/^(ping|echo)/.test(name));
    expect(answered).toEqual(
      found(/"([a-z]+\.[a-z]+)"/g, asked.join("\n")).filter((name) => !/^(disk|dvd|nic|nat|scope)\./.test(name)),
    );
  });
  test("swallow no error but those of taking back what was half made", () => {
    expect(found(/Hyper-V\\(\S+)[^\n]*SilentlyContinue/g, all)).toEqual(["Remove-VM", "Remove-VMSwitch"]);
  });
});

/** A call as calls.ps1 tells it. `loose` is the number of values without a parameter's name. */
interface Call {
  readonly file: string;
  readonly line: number;
  readonly command: string;
  readonly given: readonly { readonly name: string; readonly always: boolean }[];
  readonly loose: number;
}
interface Place {
  readonly set?: string;
  readonly required?: boolean;
}
interface Parameter {
  readonly aliases?: readonly string[];
  readonly in: readonly Place[];
}
interface Command {
  readonly module: string;
  readonly signatures: readonly {
    readonly versions: readonly string[];
    readonly defaultSet: string | null;
    readonly parameters: Readonly<Record<string, Parameter>>;
  }[];
  /** Names that a real Server 2016 showed: its documentation tells some that it does not have. */
  readonly recorded2016?: readonly string[];
}
const signatures = JSON.parse(readFileSync(resolve(__dirname, "../hosts/hyperv/signatures.json"), "utf8")) as Readonly<
  Record<string, Command>
>;

/** Commands that belong to PowerShell 5.1 itself, with parameters that do so too. */
const CORE: ReadonlySet<string> = new Set([
  ...["Copy-Item", "ConvertFrom-Json", "fsutil.exe", "Get-ChildItem", "Get-CimInstance", "Get-Command", "Get-Module"],
  ...["Get-Service", "Get-Variable", "New-Object", "Select-Object", "Set-StrictMode", "Sort-Object", "Start-Sleep"],
  "Where-Object",
]);
/** Taken by every cmdlet. Confirm is not: a cmdlet that never asks refuses it. */
const COMMON = new Set(["erroraction", "warningaction"]);

/** What is wrong with a call in one version of Windows Server, or undefined. */
function unbound(call: Call, version: string): string | undefined {
  const command = signatures[call.command.replace(/^Hyper-V\\/, "")];
  const signature = command?.signatures.find((s) => s.versions.includes(version));
  if (command === undefined || signature === undefined) return "is not there";
  const nameOf = (given: string): string | undefined =>
    Object.entries(signature.parameters).find(([name, { aliases = [] }]) =>
      [name, ...aliases].some((n) => n.toLowerCase() === given.toLowerCase()),
    )?.[0];
  const own = call.given.filter(({ name }) => !COMMON.has(name.toLowerCase()));
  const strange = own.find(({ name }) => nameOf(name) === undefined);
  if (strange !== undefined) return `has no parameter ${strange.name}`;
  const sets = new Set(Object.values(signature.parameters).flatMap((p) => p.in.flatMap(({ set }) => set ?? [])));
  // One whose parameters are those of all sets is named by no parameter.
  if (signature.defaultSet !== null) sets.add(signature.defaultSet);
  const binds = (given: ReadonlySet<string | undefined>): boolean =>
    [...(sets.size === 0 ? [""] : sets)].some((set) =>
      Object.entries(signature.parameters).every(([name, parameter]) => {
        const place = parameter.in.find((p) => p.set === undefined || p.set === set);
        return given.has(name) ? place !== undefined : place?.required !== true;
      }),
    );
  const always = own.filter((g) => g.always).map((g) => nameOf(g.name));
  // What a table may hold: each alone, and all at once.
  const maybe = own.filter((g) => !g.always).map((g) => nameOf(g.name));
  const ways = [always, [...always, ...maybe], ...maybe.map((one) => [...always, one])];
  const bad = ways.find((way) => !binds(new Set(way)));
  return bad === undefined ? undefined : `takes no ${bad.join(", ")} together`;
}

/** Parameters that the recorded Server 2016 does not show. */
function unknown2016(call: Call): readonly string[] {
  const recorded = signatures[call.command.replace(/^Hyper-V\\/, "")]?.recorded2016?.map((n) => n.toLowerCase());
  const names = call.given.map(({ name }) => name).filter((name) => !COMMON.has(name.toLowerCase()));
  return recorded === undefined ? [] : names.filter((name) => !recorded.includes(name.toLowerCase()));
}

const isOurs = ({ command }: Call): boolean => /-Cv\w*$/.test(command);
const skipped = engine === undefined ? " (skipped: no PowerShell, see CROSSVISOR_POWERSHELL)" : "";

describe.skipIf(engine === undefined)(`the calls in the agent's scripts${skipped}`, () => {
  const read = (...paths: readonly string[]): readonly Call[] => {
    const words = [
      "-NoProfile",
      "-NonInteractive",
      "-Command",
      `& '${join(__dirname, "calls.ps1")}' @('${paths.join("','")}')`,
    ];
    const { stdout, stderr } = spawnSync(engine?.path ?? "", words, { encoding: "utf8", maxBuffer: 2 ** 26 });
    if (!stdout.startsWith("[")) throw new Error(stderr || stdout);
    return JSON.parse(stdout) as readonly Call[];
  };
  let known: readonly Call[] | undefined;
  const calls = (): readonly Call[] => {
    known ??= read(...names.map((name) => join(FOLDER, name)));
    return known;
  };
  const ofModules = () => calls().filter((call) => !isOurs(call) && !CORE.has(call.command));
  const at = (call: Call): string => `${call.file.split("/").at(-1)}:${call.line} ${call.command}`;

  test("are read, and none of the scripts has an error", () => {
    expect(calls().length).toBeGreaterThan(200);
    expect(calls().filter((call) => call.command.startsWith("parse error"))).toEqual([]);
  });

  test.each(["2016", "2019", "2022", "2025"])("bind on Server %s", (version) => {
    const wrong = ofModules().flatMap((call) => {
      const reason = unbound(call, version);
      return reason === undefined ? [] : [`${at(call)} ${reason}`];
    });
    expect(wrong).toEqual([]);
  });

  test("take from Server 2016 only what a real one was seen to have, but for what is asked about before", () => {
    const wrong = ofModules().flatMap((call) => unknown2016(call).map((name) => `${call.command} ${name}`));
    expect(wrong).toEqual(["Hyper-V\\Set-VM AutomaticCheckpointsEnabled"]);
    expect(all).toContain("Parameters.ContainsKey('AutomaticCheckpointsEnabled')");
  });

  test("name Hyper-V's module and every parameter, and end with the first error", () => {
    const wrong = ofModules().filter((call) => {
      const command = signatures[call.command.replace(/^Hyper-V\\/, "")];
      const named = command?.module !== "Hyper-V" || call.command.startsWith("Hyper-V\\");
      return !named || call.loose > 0 || !call.given.some(({ name }) => name === "ErrorAction");
    });
    expect(wrong.map(at)).toEqual([]);
  });

  test("are of functions that exist", () => {
    const defined = new Set(found(/^function ([\w-]+)/gm, all));
    const named = [
      ...found(/Function = '([\w-]+)'/g, all),
      ...calls()
        .filter(isOurs)
        .map((call) => call.command),
    ];
    expect(named.filter((name) => !defined.has(name))).toEqual([]);
  });

  test("are told right: what must not bind does not", () => {
    const folder = mkdtempSync(join(tmpdir(), "crossvisor-calls-"));
    const script = [
      "function A($vm) {",
      "  Hyper-V\\Add-VMDvdDrive -VM $vm -ControllerType IDE",
      "  Hyper-V\\New-VM -Name a -NoVHD -VHDPath b",
      "  $given = @{ Path = 'a'; ParentPath = 'b' }; $given.Fixed = $true",
      "  Hyper-V\\New-VHD @given",
      "  Hyper-V\\Get-VM -Confirm:$false",
      "  Hyper-V\\Get-Nothing",
      "}",
    ];
    writeFileSync(join(folder, "bad.ps1"), script.join("\n"));
    try {
      expect(read(join(folder, "bad.ps1")).map((call) => unbound(call, "2022"))).toEqual([
        "has no parameter ControllerType",
        "takes no Name, NoVHD, VHDPath together",
        "takes no Path, ParentPath, Fixed together",
        "has no parameter Confirm",
        "is not there",
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Whether the engine tells syntax that Windows PowerShell 5.1 lacks; Windows' own need not. */
const checks = (path: string): { readonly status: number | null; readonly stdout: string } =>
  spawnSync(engine?.path ?? "", ["-CheckSyntax51", path], { encoding: "utf8" });
const canCheck = engine !== undefined && checks(join(FOLDER, "wire.ps1")).status === 0;

test.skipIf(!canCheck)(
  `the agent's scripts are Windows PowerShell 5.1${canCheck ? "" : " (skipped: no engine that checks the syntax of 5.1)"}`,
  () => {
    for (const name of names) expect(checks(join(FOLDER, name))).toMatchObject({ status: 0, stdout: "" });
  },
);
