import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import { parseUri } from "../../provider/backends/hyperv/uri.js";
import { inventory, isEmpty, NOTHING, refused, said, stepOf } from "../e2e/lab.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { pulumiTools } from "../pulumi/requirements.js";
import { openStack, type Stack } from "../pulumi/stack.js";
import { type Lab, openLab, uriOf } from "./lab.js";

/** The same program for both hosts: only where the pool is depends on the host. */
const program = (volume = "") => `
const pool = new crossvisor.StoragePool("pool", { path: new pulumi.Config().require("pool"), onDelete: "delete" });
const lan = new crossvisor.Network("lan", { cidr: "192.168.64.0/24" });
const root = new crossvisor.Volume("root", { pool, size: "8MiB", ${volume} });
const web = new crossvisor.VirtualMachine("web", {
  firmware: "bios", memory: "64MiB", shutdown: { timeout: 1 },
  disks: [{ volume: root }], networks: [{ network: lan }], cloudInit: { userData: "#!/bin/true" },
});
exports.host = web.host;
exports.id = web.id;`;

const tools = pulumiTools();
const missing = hypervMissing() ?? requirements() ?? (typeof tools === "string" ? tools : undefined);

describe.skipIf(missing !== undefined)(withHyperv("one stack, from libvirt to Hyper-V and back", missing), () => {
  let libvirt: LibvirtHost;
  let lab: Lab;
  let stack: Stack;
  beforeAll(async () => {
    [libvirt, lab, stack] = await Promise.all([startLibvirtd(), openLab(), openStack()]);
    await stack.config("crossvisor:sshConfig", "none");
  });
  afterAll(async () => {
    await stack?.close();
    await lab?.close();
    await libvirt?.stop();
  });

  const onLibvirt = async () => {
    await stack.config("crossvisor:uri", libvirt.uri);
    await stack.config("pool", `${libvirt.pools}/stack`);
    return libvirt.uri;
  };
  const onHyperv = async () => {
    const uri = await uriOf(lab.simulated);
    await stack.config("crossvisor:uri", uri);
    await stack.config("pool", "C:\\Pools\\stack");
    return parseUri(uri).identity;
  };
  /** Names of what is on the Hyper-V host. */
  const there = async () => {
    const { machines, switches, nats, disks, pools } = await hostInventory(lab.connect().agent);
    const named = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name);
    const paths = (all: readonly { readonly path: string }[]) => all.map(({ path }) => path);
    const own = pools.filter(({ isDefault }) => !isDefault);
    return {
      machines: named(machines),
      switches: named(switches),
      nats: named(nats),
      disks: paths(disks),
      pools: paths(own),
    };
  };
  const EMPTY = { machines: [], switches: [], nats: [], disks: [], pools: [] };

  it("is a replacement that says so, keeps data until the word is said, and leaves nothing behind", async () => {
    const here = await onLibvirt();
    await stack.program(program());
    await stack.up();
    const ids = [(await stack.outputs())["id"]];
    const away = await onHyperv();
    expect(await refused(stack), "a volume would lose what it holds").toContain("set allowDataLoss to true");
    expect(await there()).toEqual(EMPTY);

    await stack.program(program("allowDataLoss: true"));
    const preview = await stack.preview();
    for (const name of ["pool", "lan", "root", "web"]) {
      expect(stepOf(preview, name).replaceReasons, name).toContain("host");
      const why = `host: ${here} => ${away}: needs a replacement (made anew there, deleted here)`;
      expect(said(preview)).toContain(`${name}: ${why}`);
    }
    expect((await inventory(libvirt)).machines, "a preview does nothing").toEqual(["web"]);
    await stack.up();
    // A refresh does tell how much of the pool's disk is free now, which is no difference of the program.
    await stack.refresh();
    await isEmpty(stack, "preview");
    expect(await inventory(libvirt)).toEqual(NOTHING);
    expect(await there()).toMatchObject({ machines: ["web"], switches: ["lan"], pools: ["C:\\Pools\\stack"] });
    const moved = await stack.outputs();
    expect(moved["host"]).toBe(away);
    ids.push(moved["id"]);

    await onLibvirt();
    await stack.up();
    expect(await there()).toEqual(EMPTY);
    expect(await inventory(libvirt)).toMatchObject({ machines: ["web"], networks: ["lan"], pools: ["pool"] });
    const back = await stack.outputs();
    expect([back["host"], back["id"] === ids[0], ids[1] === ids[0]]).toEqual([here, true, false]);
    await stack.destroy();
    expect(await inventory(libvirt)).toEqual(NOTHING);
    expect(await there()).toEqual(EMPTY);
  });
});
