import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installPackage } from "./installed.js";
import { runWell } from "./run.js";

/** What the dynamic provider process does before it needs a host; prints the modules that this loaded. */
const script = (uri: string, kind: string, news: object) => `
const { provider } = require("crossvisor/runtime");
const p = provider(${JSON.stringify(kind)});
const config = { ${JSON.stringify("crossvisor:uri")}: ${JSON.stringify(uri)} };
p.configure({ config: { get: (key) => config[key] } });
p.check({}, ${JSON.stringify(news)}).then(({ failures }) => {
  console.log(JSON.stringify({ failures, modules: Object.keys(require.cache) }));
});`;

describe("loading the provider", () => {
  let home: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "crossvisor-loading-"));
    await installPackage(join(home, "project"));
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  const load = async (uri: string, kind: string, news: object) => {
    const args = ["-e", script(uri, kind, news)];
    const { stdout } = await runWell(process.execPath, args, { cwd: join(home, "project") });
    const { failures, modules } = JSON.parse(stdout) as { failures: object[]; modules: string[] };
    const own = modules.filter((m) => m.includes("/crossvisor/dist/"));
    return { failures, own, foreign: modules.filter((m) => !own.includes(m)) };
  };

  it("loads no package and no backend before a URI needs one", async () => {
    const { failures, own, foreign } = await load("", "Network", { name: "lan" });
    expect(failures).toHaveLength(2);
    expect(foreign).toEqual([]);
    expect(own.filter((m) => /\/(backends|transports|media)\//.test(m))).toEqual([]);
    expect(own.length, "files of its own").toBeLessThan(40);
  });

  it("loads only the backend that the URI means, and answers with it", async () => {
    const { failures, own, foreign } = await load("memory:", "Network", { name: "lan", cidr: "192.168.50.0/24" });
    expect(failures).toEqual([]);
    expect(foreign).toEqual([]);
    const backends = new Set(own.map((m) => /\/backends\/([^/]+)\//.exec(m)?.[1]).filter((m) => m !== undefined));
    expect([...backends]).toEqual(["memory"]);
    expect(own.length, "files of its own").toBeLessThan(60);
  });

  it("loads no SSH client for a host that is reached by a socket", async () => {
    const bad = { name: "lan", cidr: "192.168.50.0/24" };
    const { failures, foreign } = await load("qemu:///system?socket=/nowhere/libvirt-sock", "Network", bad);
    expect(failures).toEqual([{ property: "", reason: expect.stringContaining("/nowhere/libvirt-sock") }]);
    expect(foreign.filter((m) => /\/node_modules\/(ssh2|ssh-config|@pulumi)\//.test(m))).toEqual([]);
  });
});
