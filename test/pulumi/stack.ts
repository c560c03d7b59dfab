import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { installPackage, ROOT } from "./installed.js";
import { pulumiTools } from "./requirements.js";
import { type Outcome, type RunOptions, run, runWell } from "./run.js";

/** One resource's part of `preview --json`. */
export interface PreviewStep {
  readonly op: string;
  readonly urn: string;
  readonly replaceReasons?: readonly string[];
  readonly detailedDiff?: Readonly<Record<string, { readonly kind: string; readonly inputDiff: boolean }>>;
  readonly newState?: { readonly inputs: Readonly<Record<string, unknown>> };
}
export interface Preview {
  readonly steps: readonly PreviewStep[];
  readonly diagnostics?: readonly { readonly urn?: string; readonly message: string; readonly severity: string }[];
  readonly changeSummary: Readonly<Record<string, number>>;
}
/** One resource as the state file has it. */
export interface StateEntry {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly initErrors?: readonly string[];
}

/** A Pulumi project and stack of its own in a temporary folder, driven by the real CLI with the package as it is built. */
export interface Stack {
  readonly folder: string;
  /** Writes the program: JavaScript with `pulumi` and `crossvisor` at hand. */
  program(text: string): Promise<void>;
  config(key: string, value: string, options?: { readonly secret?: boolean }): Promise<void>;
  /** Any command; an end with another code than 0 is a result like any other. */
  run(args: readonly string[], options?: Pick<RunOptions, "started" | "seen" | "timeout">): Promise<Outcome>;
  /** `preview --json`, which must succeed. */
  preview(...args: string[]): Promise<Preview>;
  up(...args: string[]): Promise<Outcome>;
  refresh(...args: string[]): Promise<Outcome>;
  destroy(...args: string[]): Promise<Outcome>;
  outputs(): Promise<Readonly<Record<string, unknown>>>;
  /** Resources of the state, and operations that Pulumi knows no end of; `text` is the state file itself. */
  state(): Promise<{
    readonly resources: readonly StateEntry[];
    readonly pending: readonly unknown[];
    readonly text: string;
  }>;
  /** Removes the folder. Does not destroy what the stack made. */
  close(): Promise<void>;
}

const YES = ["--yes", "--skip-preview", "--non-interactive", "--color=never"];

export async function openStack(): Promise<Stack> {
  const tools = pulumiTools();
  if (typeof tools === "string") throw new Error(tools);
  const home = await mkdtemp(join(tmpdir(), "crossvisor-stack-"));
  const folder = join(home, "project");
  const bin = await layOut(home, folder);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: [bin, dirname(process.execPath), dirname(tools["pulumi-language-nodejs"]), process.env["PATH"]].join(
      delimiter,
    ),
    PULUMI_HOME: join(home, "pulumi-home"),
    PULUMI_BACKEND_URL: `file://${home}/state`,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
  };
  const pulumi = (args: readonly string[], options: Pick<RunOptions, "started" | "seen" | "timeout"> = {}) =>
    run(tools.pulumi, args, { cwd: folder, env, ...options });
  const well = (...args: string[]) => runWell(tools.pulumi, args, { cwd: folder, env });
  const json = async (...args: string[]) => JSON.parse((await well(...args)).stdout);

  await well("stack", "init", "test", "--non-interactive");
  return {
    folder,
    program: (text) => writeFile(join(folder, "index.js"), `${PREAMBLE}${text}\n`),
    config: async (key, value, { secret = false } = {}) => {
      await well("config", "set", key, value, secret ? "--secret" : "--plaintext");
    },
    run: pulumi,
    preview: (...args) => json("preview", "--json", "--non-interactive", ...args),
    up: (...args) => well("up", ...YES, ...args),
    refresh: (...args) => well("refresh", ...YES, ...args),
    destroy: (...args) => well("destroy", ...YES, ...args),
    outputs: () => json("stack", "output", "--json", "--show-secrets"),
    state: async () => {
      const text = await readFile(join(home, "state/.pulumi/stacks/lab/test.json"), "utf8");
      const { latest } = JSON.parse(text).checkpoint;
      return { resources: latest?.resources ?? [], pending: latest?.pending_operations ?? [], text };
    },
    close: () => rm(home, { recursive: true, force: true }),
  };
}

const PREAMBLE = `const pulumi = require("@pulumi/pulumi");\nconst crossvisor = require("crossvisor");\n`;

/** The project with the package as an installation leaves it, and the one program that Pulumi's npm package brings. */
async function layOut(home: string, folder: string): Promise<string> {
  const bin = join(home, "bin");
  for (const made of [folder, bin, join(home, "state")]) await mkdir(made, { recursive: true });
  await installPackage(folder);
  await writeFile(
    join(folder, "Pulumi.yaml"),
    "name: lab\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
  );
  await writeFile(join(folder, "package.json"), '{ "name": "lab", "private": true, "main": "index.js" }\n');
  const script = join(bin, "pulumi-resource-pulumi-nodejs");
  await copyFile(join(ROOT, "node_modules/@pulumi/pulumi/pulumi-resource-pulumi-nodejs"), script);
  await chmod(script, 0o755);
  return bin;
}
