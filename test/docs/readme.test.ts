import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imported } from "../import/command.js";
import { pulumiTools } from "../pulumi/requirements.js";
import { run } from "../pulumi/run.js";
import { openStack, type Stack } from "../pulumi/stack.js";
import { hypervParts } from "./hyperv.js";
import { libvirtParts } from "./libvirt.js";
import { withParts } from "./parts.js";
import { type Block, blocksOf, openProject, type Project, ROOT } from "./project.js";
import { withReference } from "./reference.js";
import { ACL, called } from "./rights.js";

const TEXTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/libvirt.md", "docs/hyperv.md"];
const tools = pulumiTools();
const skipped = typeof tools === "string" ? ` (skipped: ${tools})` : "";
const textOf = (name: string) => readFileSync(join(ROOT, name), "utf8");

it("README.md has the reference as the kinds are now (else: npx tsx test/docs/write.ts)", () => {
  const readme = textOf("README.md");
  expect(readme).toBe(withReference(readme));
});

it.each([
  ["docs/libvirt.md", libvirtParts],
  ["docs/hyperv.md", hypervParts],
])("%s has what the code says now (else: npx tsx test/docs/write.ts)", (name, parts) => {
  const text = textOf(name);
  expect(text).toBe(withParts(text, parts));
});

it("docs/libvirt.md knows the rights that each call of the drivers needs, as libvirt spells them", () => {
  const unknown = [...called()]
    .filter(([number]) => ACL[number] === undefined)
    .map(([number, name]) => `${number} ${name}`);
  expect(unknown).toEqual([]);
  expect(called().size).toBeGreaterThan(50);
  const policy = "/usr/share/polkit-1/actions/org.libvirt.api.policy";
  if (!existsSync(policy)) return;
  const actions = readFileSync(policy, "utf8");
  const named = [...new Set(Object.values(ACL).flat())].map((right) => `org.libvirt.api.${right.replace(":", ".")}`);
  expect(named.filter((action) => !actions.includes(`"${action}"`))).toEqual([]);
});

describe.each(TEXTS)("%s", (name) => {
  it("leads only to files and headings that are there", () => {
    const text = textOf(name);
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, h = ""]) => h.toLowerCase().replaceAll(" ", "-"));
    const links = [...text.matchAll(/\]\(([^)]*)\)/g)].map(([, link = ""]) => link);
    const dead = links.filter((link) => {
      if (/^https:/.test(link)) return false;
      return link.startsWith("#")
        ? !headings.includes(link.slice(1))
        : !existsSync(join(ROOT, dirname(name), link.replace(/#.*/, "")));
    });
    expect(dead).toEqual([]);
  });

  it("names only scripts that are there", () => {
    const text = textOf(name);
    const scripts = Object.keys(JSON.parse(textOf("package.json")).scripts);
    const named = [...text.matchAll(/\bnpm run (\w+)/g)].map(([, script = ""]) => script);
    expect(named.filter((script) => !scripts.includes(script))).toEqual([]);
    const paths = [...text.matchAll(/(?<![\w/-])((?:tools|test|sdk|\.ci)\/[\w./-]*\w)/g)].map(([, path = ""]) => path);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

it("ARCHITECTURE.md names only source files that are there", () => {
  const files = [...textOf("ARCHITECTURE.md").matchAll(/`([\w/-]+\.ts)`/g)].map(([, path = ""]) => path);
  const places = [
    "",
    "provider/",
    "provider/backends/libvirt/",
    "provider/backends/libvirt/vm/",
    "provider/faces/pulumi/",
  ];
  expect(files.filter((file) => !places.some((place) => existsSync(join(ROOT, place, file))))).toEqual([]);
  expect(files.length).toBeGreaterThan(30);
});

describe("programs of the README", async () => {
  const programs = (await blocksOf("README.md")).filter(({ language }) => language === "ts");

  it("have the right types", async () => {
    expect(programs.length).toBeGreaterThan(2);
    // Below this folder the package finds itself, as sources.
    const folder = await mkdtemp(join(ROOT, ".cache", "docs-"));
    try {
      const config = { extends: "../../tsconfig.json", compilerOptions: { rootDir: "../.." }, include: ["*.ts"] };
      await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ ...config, exclude: [] }));
      for (const [i, { text }] of programs.entries()) await writeFile(join(folder, `program${i}.ts`), text);
      const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
      const outcome = await run(process.execPath, [tsc, "-p", folder], { cwd: ROOT });
      expect(outcome.stdout).toBe("");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  describe.skipIf(skipped !== "")(`can be carried out${skipped}`, () => {
    let stack: Stack;
    beforeAll(async () => {
      stack = await openStack();
      const about = { name: "lab", private: true, type: "module", main: "index.ts" };
      await writeFile(join(stack.folder, "package.json"), JSON.stringify(about));
      await stack.config("crossvisor:uri", `memory://${join(stack.folder, "first.json")}`);
      // Somebody else's, to be adopted.
      await write('new Network("theirs", { name: "default", cidr: "192.168.122.0/24" });');
      await stack.up();
    });
    afterAll(() => stack?.close());

    const write = (program: string) => {
      const whole = program.includes("import ") ? program : `import { Network } from "crossvisor";\n${program}`;
      return writeFile(join(stack.folder, "index.ts"), whole);
    };
    /** The memory backend keeps no bytes, and there is no host behind a name of the README. */
    const here = ({ text }: Block) =>
      text.replace(/source: "[^"]*", /, "").replace(/"qemu[^"]*"/, `"memory://${join(stack.folder, "second.json")}"`);

    it.each(programs.map((program, i) => [i + 1, program] as const))("number %i", async (_, program) => {
      await write(here(program));
      const { changeSummary } = await stack.preview();
      expect(changeSummary["create"]).toBeGreaterThan(0);
    });
  });
});

async function doctor(words: string): Promise<void> {
  const { code } = await run(process.execPath, ["--import", "tsx", "provider/main-cli.ts", ...words.split(" ")], {
    cwd: ROOT,
  });
  expect(code).toBe(0);
}

/** How each command of the texts is known to work. */
const RUN: readonly (readonly [RegExp, (line: string, project: Project) => unknown])[] = [
  // Run by demo.test.ts, and by every run of the tests.
  [/^tools\/\w+$/, (line) => accessSync(join(ROOT, line), constants.X_OK)],
  // Done by test/package with the package as it is packed.
  [/^npm install crossvisor @pulumi\/pulumi$/, () => existsSync(join(ROOT, "test/package/package.test.ts"))],
  // The hosts of the texts are nobody's: the rest of the line is understood.
  [/^npx crossvisor doctor /, (line) => doctor(line.replace(/^npx crossvisor /, "").replace(/\S+$/, "memory:"))],
  [
    /^npx crossvisor import \S+ --name web > index.ts$/,
    async () => expect(await imported("memory:", "--name", "default")).toMatchObject({ code: 0, said: "" }),
  ],
  [/^pulumi config set /, (line, project) => project.shell(line)],
];

describe.skipIf(skipped !== "")(`commands of the texts${skipped}`, async () => {
  const blocks = (await Promise.all(TEXTS.map(blocksOf))).flat().filter(({ language }) => language === "sh");
  const lines = blocks.flatMap(({ text }) => text.trim().split("\n")).map((line) => line.replace(/\s+#.*/, ""));
  let project: Project;
  beforeAll(async () => {
    project = await openProject(dirname(join(ROOT, "examples/quickstart/index.ts")));
    for (const name of ["cacert", "clientcert", "clientkey"])
      await project.shell(`echo "a text that stands for ${name}" > ${name}.pem`);
  });
  afterAll(() => project?.close());

  it.each([...new Set(lines)])("%s", async (line) => {
    const known = RUN.find(([form]) => form.test(line));
    expect(known, "a command that no test runs").toBeDefined();
    await known?.[1](line, project);
  });

  it("keep secrets secret", async () => {
    await project.shell("pulumi config set --secret crossvisor:privateKey < ~/.ssh/id_ed25519");
    const { stdout } = await project.pulumi("config");
    expect(stdout).toMatch(/crossvisor:privateKey\s+\[secret\]/);
  });
});
