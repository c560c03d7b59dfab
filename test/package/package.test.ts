import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Outcome, run, runWell } from "../pulumi/run.js";

const ROOT = resolve(__dirname, "../..");
const PULUMI_VERSION = "3.270.0";

/** A program that imports the package and says what it found; the same in every module system. */
const BODY = `
const names = ["Host", "Network", "StoragePool", "VirtualMachine", "Volume"];
const missing = names.filter((name) => typeof Reflect.get(crossvisor, name) !== "function");
console.log(JSON.stringify({ missing, type: VirtualMachine.__pulumiType }));
`;
const PROGRAMS = {
  "program.mjs": `import * as crossvisor from "crossvisor";\nimport { VirtualMachine } from "crossvisor";\n${BODY}`,
  "program.cjs": `const crossvisor = require("crossvisor");\nconst { VirtualMachine } = crossvisor;\n${BODY}`,
  "program.mts": `import * as pulumi from "@pulumi/pulumi";
import * as crossvisor from "crossvisor";
import { Network, VirtualMachine, type VirtualMachineArgs, Volume } from "crossvisor";
export const declare = (): pulumi.Output<string | undefined> => {
  const root = new Volume("root", { size: "10GiB" });
  const network = new Network("lan", { cidr: "192.168.50.0/24" });
  const args: VirtualMachineArgs = { memory: pulumi.output("2GiB"), disks: [{ volume: root }], networks: [{ network }] };
  // @ts-expect-error a machine has no such power state
  const wrong: VirtualMachineArgs = { powerState: "flying" };
  // @ts-expect-error a network is no volume
  const swapped: VirtualMachineArgs = { disks: [{ volume: network }] };
  void [wrong, swapped];
  return new VirtualMachine("web", args).ipAddress;
};
${BODY}`,
} as const;
/** What a state file's code does, from the folder of the program. */
const STUB = 'console.log(Object.keys(require("crossvisor/runtime").provider("VirtualMachine")).sort().join())';
const METHODS = "check,configure,create,delete,diff,read,update";

/** What the package is made of, elsewhere: other tests use the repository's own build meanwhile. */
async function copySources(folder: string): Promise<void> {
  const files = ["package.json", "tsconfig.json", "tsconfig.build.json", "README.md", "CHANGELOG.md", "LICENSE"];
  for (const name of ["provider", "sdk", ...files]) await cp(join(ROOT, name), join(folder, name), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
}

describe("the package in a foreign project", () => {
  let home: string;
  let tarball: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "crossvisor-package-"));
    env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`, npm_config_audit: "false" };
    const source = join(home, "source");
    await copySources(source);
    const pack = ["pack", "--json", "--ignore-scripts", "--pack-destination", home];
    await runWell("npm", ["run", "build"], { cwd: source, env });
    const { stdout } = await runWell("npm", pack, { cwd: source, env });
    tarball = join(home, JSON.parse(stdout)[0].filename);
  }, 300_000);
  afterAll(() => rm(home, { recursive: true, force: true }));

  async function project(name: string): Promise<string> {
    const folder = join(home, name);
    await mkdir(folder, { recursive: true });
    const dependencies = { crossvisor: `file:${tarball}`, "@pulumi/pulumi": PULUMI_VERSION };
    await writeFile(join(folder, "package.json"), JSON.stringify({ name, private: true, dependencies }));
    for (const [file, text] of Object.entries(PROGRAMS)) await writeFile(join(folder, file), text);
    return folder;
  }
  const node = (cwd: string, ...args: string[]): Promise<Outcome> => runWell(process.execPath, args, { cwd, env });

  async function works(folder: string): Promise<void> {
    for (const program of Object.keys(PROGRAMS)) {
      const { stdout } = await node(folder, program);
      const expected = { missing: [], type: "pulumi-nodejs:dynamic/crossvisor:VirtualMachine" };
      expect(JSON.parse(stdout), program).toEqual(expected);
    }
    expect((await node(folder, "-e", STUB)).stdout.trim()).toBe(METHODS);
    const program = join(folder, "node_modules/.bin/crossvisor");
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
    expect((await runWell(program, ["--version"], { cwd: folder, env })).stdout).toBe(`${version}\n`);
    const looked = await runWell(program, ["doctor", "--json", "memory:"], { cwd: folder, env });
    expect(JSON.parse(looked.stdout)).toMatchObject({ host: "memory:", ok: true });
  }

  it("holds what runs and nothing else", async () => {
    const { stdout } = await runWell("tar", ["-tzf", tarball], { cwd: home });
    const files = stdout.trim().split("\n");
    const strange = files.filter(
      (f) => !/\.(js|d\.ts)$|\/scripts\/\w+\.ps1$|\/(package\.json|README\.md|CHANGELOG\.md|LICENSE)$/.test(f),
    );
    expect(strange).toEqual([]);
    expect(files.filter((f) => /\.test\.|\/(test|examples)\//.test(f))).toEqual([]);
    expect(files).toContain("package/dist/provider/main-pulumi.js");
    const scripts = "provider/backends/hyperv/scripts";
    const packed = files.filter((f) => f.endsWith(".ps1")).map((f) => f.replace(`package/dist/${scripts}/`, ""));
    expect(packed.toSorted()).toEqual((await readdir(join(ROOT, scripts))).toSorted());
  });

  it("works where npm installed it, without development packages", async () => {
    const folder = await project("with-npm");
    await runWell("npm", ["install", "--no-fund", "--prefer-offline"], { cwd: folder, env, timeout: 280_000 });
    await works(folder);
    const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
    const installed = new Set(await readdir(join(folder, "node_modules")));
    const own = Object.keys(manifest.devDependencies).filter((name) => !name.startsWith("@") && installed.has(name));
    expect(own).toEqual([]);
  }, 300_000);

  it("has types that accept what they should and refuse the rest", async () => {
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const strict = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2023"];
    const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")];
    const outcome = await run(process.execPath, [tsc, ...strict, ...types, "program.mts"], {
      cwd: join(home, "with-npm"),
      env,
    });
    expect(outcome.stdout).toBe("");
  });

  it("works in pnpm's strict layout", async () => {
    const prefix = join(home, "tools");
    await runWell("npm", ["install", "--prefix", prefix, "--no-fund", "pnpm@10"], { cwd: home, env, timeout: 120_000 });
    const folder = await project("with-pnpm");
    const pnpm = join(prefix, "node_modules/pnpm/bin/pnpm.cjs");
    const install = ["install", "--store-dir", join(home, "store"), "--ignore-scripts"];
    await runWell(process.execPath, [pnpm, ...install], { cwd: folder, env, timeout: 280_000 });
    await works(folder);
  }, 300_000);
});
