import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changed } from "../foreign/canonical.js";
import { everythingOf, furnish, virshWith } from "../foreign/host.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { pulumiTools } from "../pulumi/requirements.js";
import { openStack, type Stack } from "../pulumi/stack.js";
import { imported } from "./command.js";
import { strictly } from "./typescript.js";

const tools = pulumiTools();
const reason = requirements() ?? (typeof tools === "string" ? tools : undefined);
const skipped = reason === undefined ? "" : ` (skipped: ${reason})`;

describe.skipIf(reason !== undefined)(`a host that others filled, with the real Pulumi CLI${skipped}`, () => {
  let host: LibvirtHost;
  let stack: Stack;
  let program: string;
  beforeAll(async () => {
    host = await startLibvirtd();
    await furnish(host);
    await host.virsh("start", "web");
    stack = await openStack();
    await stack.config("crossvisor:uri", host.uri);
    const about = { name: "lab", private: true, main: "index.ts", type: "module" };
    await writeFile(join(stack.folder, "package.json"), JSON.stringify(about));
  });
  afterAll(async () => {
    await stack?.close();
    await host?.stop();
  });
  const write = (text: string) => writeFile(join(stack.folder, "index.ts"), text);
  const nothing = async (...words: string[]) => {
    const outcome = await stack.run([...words, "--expect-no-changes", "--non-interactive", "--diff", "--color=never"]);
    expect(outcome.code, `${program}\n${outcome.stdout}\n${outcome.stderr}`).toBe(0);
  };

  it("prints a machine with its volumes, network and pool as a program that compiles", async () => {
    const printed = await imported(host.uri, "--name", "web");
    expect(printed).toMatchObject({ code: 0, said: "" });
    ({ program } = printed);
    expect(strictly(program)).toEqual([]);
    for (const word of [
      "volume: webQcow2",
      "volume: namedQcow2",
      "base: baseQcow2",
      "pool: defaultStoragePool",
      "network: lan",
      "elsewhere.img",
    ])
      expect(program).toContain(word);
    for (const kept of ['disk "sdc" on usb', "52:54:00:11:22:34", "of the type user", "<portgroup>", "<cputune>"])
      expect(program.replaceAll("\n// ", " ")).toContain(kept);
  });

  it("is what Pulumi's own import points at, which cannot work", async () => {
    await write('import { Network } from "crossvisor";\nnew Network("lan", {}, { import: "lan" });\n');
    const { code, stdout, stderr } = await stack.run(["preview", "--non-interactive", "--color=never"]);
    expect(code).not.toBe(0);
    expect(`${stdout}${stderr}`).toContain(
      `Network "lan": Pulumi's option "import" cannot reach this provider. Name what`,
    );
  });

  it("takes all of it over without a change, and has nothing to do after it", async () => {
    const [before, id] = [await everythingOf(host), await host.virsh("domid", "web")];
    await write(program);
    expect((await stack.preview()).changeSummary).toMatchObject({ create: 7 });
    await stack.up();
    const after = await everythingOf(host);
    for (const [name, xml] of Object.entries(before)) expect(changed(xml, after[name] ?? ""), name).toEqual([]);
    expect(await host.virsh("domid", "web")).toBe(id);
    await nothing("preview");
    await nothing("preview", "--refresh");
  });

  it("changes what is edited then, and nothing else", async () => {
    const before = await everythingOf(host);
    await write(
      program.replace(/description: .*,\n/, 'description: "ours",\n').replace('memory: "64MiB"', 'memory: "96MiB"'),
    );
    await stack.up();
    const after = await everythingOf(host);
    expect(
      changed(before["machine"] ?? "", after["machine"] ?? "").map((line) => line.replace(/\[\d+\]/g, "")),
    ).toEqual([
      expect.stringMatching(/^- \/domain\/currentMemory .*65536/),
      expect.stringMatching(/^- \/domain\/description/),
      expect.stringMatching(/^\+ \/domain\/currentMemory .*98304/),
      '+ /domain/description  "ours"',
    ]);
    for (const name of ["network", "pool", "base", "system"])
      expect(changed(before[name] ?? "", after[name] ?? "")).toEqual([]);
    await nothing("preview", "--refresh");
  });

  it("deletes nothing of it, and names its owner to the next who asks", async () => {
    const destroyed = await stack.run(["destroy", "--yes", "--skip-preview", "--non-interactive", "--color=never"]);
    expect(destroyed.code).not.toBe(0);
    expect(Object.keys(await everythingOf(host))).toHaveLength(5);
    const again = await imported(host.uri, "--name", "web", "--kind", "virtual-machine");
    expect(again.code).toBe(1);
    expect(again.said).toMatch(/^Left out: the virtual machine "web": it belongs to lab\/test.* already\.$/m);
    expect(strictly(again.program)).toEqual([]);
  });

  it("declares what has strange names under names of its own, and leaves out what no declaration may be called", async () => {
    const odd = ["$\u007bprocess.exit()}", "`a`", "a:: b", "await", "Network", "\u6f22\u5b57", "x", "X"];
    for (const name of [...odd, 'a"b', "it's"]) await virshWith(host, "net-define", networkOf(name));
    for (const name of odd) await host.virsh("vol-create-as", "default", name, "1M");
    const { program: all, said } = await imported(host.uri, "--all");
    expect(strictly(all)).toEqual([]);
    const made = [...all.matchAll(/new (\w+)\(\s*("(?:[^"\\]|\\.)*")/g)].map(([, kind, name]) => `${kind} ${name}`);
    expect(new Set(made).size).toBe(made.length);
    for (const name of odd.filter((one) => !one.includes("::")))
      for (const kind of ["Network", "Volume"]) expect(made).toContain(`${kind} ${JSON.stringify(name)}`);
    expect(made).toContain('Network "a- b"');
    for (const name of ['a"b', "it's"])
      expect(said).toContain(`Left out: the network ${JSON.stringify(name)}: name must not`);
  });
});

/** A network without addresses, whatever it is called. */
const networkOf = (name: string): string =>
  `<network><name>${name.replace(/[&<"']/g, (c) => `&#${c.charCodeAt(0)};`)}</name></network>`;
