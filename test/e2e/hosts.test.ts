import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";
import { inventory, isSettled, type Lab, missing, NOTHING, openLab, refused, said, stepOf, titled } from "./lab.js";

/** What to make on one host; the names there are the same on each. No guest boots. */
interface Part {
  readonly on: LibvirtHost;
  readonly suffix?: string;
  readonly options?: string;
  readonly volume?: string;
}
const part = ({ on, suffix: s = "", options = "{}", volume = "" }: Part) => `
const pool${s} = new crossvisor.StoragePool("pool${s}", {
  name: "pool", path: "${on.pools}/stack", onDelete: "delete" }, ${options});
const lan${s} = new crossvisor.Network("lan${s}", { name: "lan", cidr: "192.168.64.0/24" }, ${options});
const root${s} = new crossvisor.Volume("root${s}", {
  name: "root", pool: pool${s}, size: "8MiB", ${volume} }, ${options});
const web${s} = new crossvisor.VirtualMachine("web${s}", {
  name: "web", firmware: "bios", memory: "64MiB", shutdown: { timeout: 1 },
  disks: [{ volume: root${s} }], networks: [{ network: lan${s} }], cloudInit: { userData: "#!/bin/true" },
}, ${options});
exports.host${s} = web${s}.host;`;

describe.skipIf(missing !== undefined)(titled("several real hosts, with the real Pulumi CLI"), () => {
  let lab: Lab;
  let other: LibvirtHost;
  beforeAll(async () => {
    lab = await openLab();
    other = await startLibvirtd();
  }, 300_000);
  afterAll(async () => {
    await other?.stop();
    await lab?.close();
  });

  it("keeps two hosts in one program", async () => {
    const b = `const b = new crossvisor.Host("b", { uri: "${other.uri}" });`;
    const here = part({ on: lab.host });
    await lab.stack.program(here + b + part({ on: other, suffix: "There", options: "{ provider: b }" }));
    await lab.stack.up();
    await isSettled(lab.stack);
    expect(await lab.stack.outputs()).toEqual({ host: lab.host.uri, hostThere: other.uri });
    for (const host of [lab.host, other])
      expect(await inventory(host)).toMatchObject({ machines: ["web"], networks: ["lan"], pools: ["pool"] });
    await lab.stack.program(here + b);
    await lab.stack.up();
    expect(await inventory(other), "only what was there is gone").toEqual(NOTHING);
    expect((await inventory(lab.host)).machines).toEqual(["web"]);
    await lab.stack.destroy();
    expect(await inventory(lab.host)).toEqual(NOTHING);
  });

  it("explains another URI as a replacement, and deletes on the host that the state recorded", async () => {
    // The same path and another disk, as on two machines.
    await other.exec(["mount", "-t", "tmpfs", "-o", "mode=755", "none", lab.host.pools]);
    const program = (volume = "") => part({ on: lab.host, volume });
    await lab.stack.program(program());
    await lab.stack.up();
    await lab.stack.config("crossvisor:uri", other.uri);
    expect(await refused(lab.stack), "a volume would lose what it holds").toContain("set allowDataLoss to true");

    await lab.stack.program(program("allowDataLoss: true"));
    const preview = await lab.stack.preview();
    for (const name of ["pool", "lan", "root", "web"]) {
      expect(stepOf(preview, name).replaceReasons, name).toContain("host");
      expect(said(preview)).toContain(
        `${name}: host: ${lab.host.uri} => ${other.uri}: needs a replacement (made anew there, deleted here)`,
      );
    }
    expect((await inventory(lab.host)).machines).toEqual(["web"]);
    await lab.stack.up();
    await isSettled(lab.stack);
    expect(await lab.stack.outputs()).toEqual({ host: other.uri });
    expect(await inventory(lab.host)).toEqual(NOTHING);
    expect(await inventory(other)).toMatchObject({ machines: ["web"], networks: ["lan"], pools: ["pool"] });
    await lab.stack.destroy();
    expect(await inventory(other)).toEqual(NOTHING);
    expect(await other.exec(["ls", lab.host.pools])).toBe("");
  });
});
