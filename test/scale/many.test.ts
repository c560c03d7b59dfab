import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openHost } from "../../provider/backends/libvirt/host.js";
import { domains, networks } from "../../provider/backends/libvirt/rpc/index.js";
import { isEmpty } from "../e2e/lab.js";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";
import { openStack, type Stack } from "../pulumi/stack.js";
import { carryOut, doubles, keptOf, LIMIT, missing } from "./lab.js";

const COUNT = 200;

/** Running machines with two interfaces each, and one network for all. */
const program = `
const network = new crossvisor.Network("many", { cidr: "10.98.0.0/16" });
for (let i = 0; i < ${COUNT}; i++)
  new crossvisor.VirtualMachine("m" + i, {
    memory: "32MiB", firmware: "bios", acceleration: "none",
    networks: [{ network }, { name: "second", network }],
    shutdown: { method: "acpi", timeout: 1, onTimeout: "force" },
  });`;

describe.skipIf(missing !== undefined)(
  `${COUNT} machines in one stack, on libvirt's test driver${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let daemon: LibvirtHost;
    let stack: Stack;
    let host: ReturnType<typeof openHost>;
    beforeAll(async () => {
      daemon = await startLibvirtd();
      const uri = `test:///default?socket=${daemon.socket}`;
      host = openHost({ uri });
      // The test driver forgets everything with its last connection, which is this one.
      await host.facts();
      stack = await openStack();
      await stack.config("crossvisor:uri", uri);
      await stack.program(program);
    });
    afterAll(async () => {
      await stack?.close();
      await host?.close();
      await daemon?.stop();
    });
    const machines = async () => (await host.session.call(domains.list, { flags: 0 })).map(({ name }) => name);
    const nets = async () => (await host.session.call(networks.list, { flags: 0 })).map(({ name }) => name);

    it(
      "are made, leave nothing to do, and go without a trace",
      async () => {
        const before = [await machines(), await nets()];
        await carryOut(stack, "up", 64);
        const made = (await machines()).filter((name) => /^m\d+$/.test(name));
        expect(made).toHaveLength(COUNT);
        const states = (await stack.state()).resources.filter((r) => r.outputs?.["state"] === "running");
        expect(states).toHaveLength(COUNT);
        const net = (await host.session.call(networks.list, { flags: 0 })).find(({ name }) => name === "many");
        const kept = keptOf(await host.session.call(networks.xml, { net: net!, flags: 0 }));
        expect(kept.macs).toHaveLength(2 * COUNT);
        expect([...doubles(kept.macs), ...doubles(kept.addresses)]).toEqual([]);
        await isEmpty(stack, "preview");
        await isEmpty(stack, "preview", "--refresh");
        await carryOut(stack, "destroy", 64);
        expect([await machines(), await nets()]).toEqual(before);
      },
      2 * LIMIT,
    );
  },
);
