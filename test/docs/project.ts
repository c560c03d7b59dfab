import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { pulumiTools } from "../pulumi/requirements.js";
import { type Outcome, run, runWell } from "../pulumi/run.js";

/** The project's own folder. */
export const ROOT = resolve(__dirname, "../..");

/** A program of this repository as a stack of its own, with the real CLI and the built package. */
export interface Project {
  /** Pulumi, which must succeed. */
  pulumi(...args: string[]): Promise<Outcome>;
  /** Pulumi, whatever it ends with. */
  tried(...args: string[]): Promise<Outcome>;
  outputs(): Promise<Readonly<Record<string, unknown>>>;
  /** A line of shell in the project's folder. The home folder is a new one, with an SSH key. */
  shell(line: string): Promise<Outcome>;
  close(): Promise<void>;
}

/** What each test hands to the commands that act. */
export const YES = ["--yes", "--skip-preview", "--non-interactive", "--color=never"];

/** `folder` holds the program and its `package.json`. The stack's settings and state lie elsewhere. */
export async function openProject(folder: string): Promise<Project> {
  const tools = pulumiTools();
  if (typeof tools === "string") throw new Error(tools);
  const home = await mkdtemp(join(tmpdir(), "crossvisor-docs-"));
  const project = join(home, "project");
  for (const made of ["state", "project", "bin"]) await mkdir(join(home, made));
  // The one program that Pulumi's npm package brings, which is not executable there.
  const script = join(home, "bin", "pulumi-resource-pulumi-nodejs");
  await copyFile(join(ROOT, "node_modules/@pulumi/pulumi/pulumi-resource-pulumi-nodejs"), script);
  await chmod(script, 0o755);
  await writeFile(join(project, "Pulumi.yaml"), `name: docs\nruntime: nodejs\nmain: ${folder}\n`);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: [
      join(home, "bin"),
      dirname(process.execPath),
      dirname(tools["pulumi-language-nodejs"]),
      process.env["PATH"],
    ].join(delimiter),
    PULUMI_HOME: join(home, "pulumi-home"),
    PULUMI_BACKEND_URL: `file://${home}/state`,
    PULUMI_CONFIG_PASSPHRASE: "test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
  };
  const pulumi = (...args: string[]) => runWell(tools.pulumi, args, { cwd: project, env });
  await pulumi("stack", "init", "test", "--non-interactive");
  return {
    pulumi,
    tried: (...args) => run(tools.pulumi, args, { cwd: project, env }),
    outputs: async () => JSON.parse((await pulumi("stack", "output", "--json")).stdout),
    shell: async (line) => {
      const ssh = join(home, ".ssh");
      await mkdir(ssh, { recursive: true });
      await writeFile(join(ssh, "id_ed25519"), "a private key\n");
      return runWell("bash", ["-c", line], { cwd: project, env: { ...env, HOME: home } });
    },
    close: () => rm(home, { recursive: true, force: true }),
  };
}

/** Brings the built package up to date, which the examples run with. */
export const build = async (): Promise<void> => {
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  await runWell("npm", ["run", "--silent", "build"], { cwd: ROOT, env: { ...process.env, PATH: path } });
};

/** A block of code of a text: ` ```ts ` and its lines. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

export async function blocksOf(name: string): Promise<readonly Block[]> {
  const text = await readFile(join(ROOT, name), "utf8");
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = "", inner = ""]) => ({
    language,
    text: inner,
  }));
}
