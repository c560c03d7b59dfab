import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Inventory, inventory, isEmpty, NOTHING } from "../e2e/lab.js";
import { type LibvirtHost, startLibvirtd } from "../hosts/libvirtd.js";
import type { Stack } from "../pulumi/stack.js";
import { carryOut, doubles, keptOf, LIMIT, missing, openOwner, together } from "./lab.js";

/** Machines without a guest, each with an overlay and an empty disk; every fourth one runs. */
const machines = (prefix: string, count: number, pool: string, network: string, base: string) => `
for (let i = 0; i < ${count}; i++) {
  const name = "${prefix}" + i;
  const over = new crossvisor.Volume(name + "-over", { pool: ${pool}, base: ${base} });
  const data = new crossvisor.Volume(name + "-data", { pool: ${pool}, size: "1MiB" });
  new crossvisor.VirtualMachine(name, {
    memory: "32MiB", firmware: "bios", acceleration: "none", powerState: i % 4 === 0 ? "running" : "stopped",
    disks: [{ volume: over }, { name: "data", volume: data }], networks: [{ network: ${network} }],
    shutdown: { method: "acpi", timeout: 1, onTimeout: "force" },
  });
}`;
const shared = (pools: string) => `
const pool = new crossvisor.StoragePool("shared", { path: "${pools}/shared", onDelete: "delete" });
const network = new crossvisor.Network("lan", { cidr: "10.97.0.0/24" });
const base = new crossvisor.Volume("base", { pool, size: "4MiB" });`;

describe.skipIf(missing !== undefined)(
  `much at once, with libvirtd and QEMU${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let host: LibvirtHost;
    const stacks: Stack[] = [];
    const open = async (name: string): Promise<Stack> => {
      const stack = await openOwner(name, host.uri);
      stacks.push(stack);
      return stack;
    };
    beforeAll(async () => {
      host = await startLibvirtd();
    });
    afterAll(async () => {
      for (const stack of stacks) await stack.close();
      await host?.stop();
    });

    /** Checks that so many machines are there, each with what is its own alone. */
    const distinct = async (count: number, running: number): Promise<Inventory> => {
      const found = await inventory(host);
      expect(found.machines).toHaveLength(count);
      expect((await host.virsh("list", "--name")).split("\n").filter((line) => line !== "")).toHaveLength(running);
      for (const flags of [[], ["--inactive"]]) {
        const kept = keptOf(await host.virsh("net-dumpxml", ...flags, "lan"));
        expect(kept.macs).toHaveLength(count);
        expect([...doubles(kept.macs), ...doubles(kept.addresses)]).toEqual([]);
      }
      return found;
    };

    it(
      "32 machines of one program are made at the same time, and deleted at the same time",
      async () => {
        const stack = await open("alone");
        await stack.program(shared(host.pools) + machines("m", 32, "pool", "network", "base"));
        await carryOut(stack, "up", 32);
        const { files, secrets } = await distinct(32, 8);
        // The pool's folder, the base, and two volumes of each machine, all marked.
        expect(files).toHaveLength(2 + 64);
        expect(secrets).toHaveLength(1 + 64);
        await isEmpty(stack, "preview");
        await isEmpty(stack, "preview", "--refresh");
        await carryOut(stack, "destroy", 32);
        expect(await inventory(host)).toEqual(NOTHING);
      },
      2 * LIMIT,
    );

    it(
      "two programs work on one host, one pool and one network at the same time",
      async () => {
        const [first, second] = [await open("first"), await open("second")];
        await first.program(shared(host.pools));
        await carryOut(first, "up", 8);
        const before = await inventory(host);
        await first.program(shared(host.pools) + machines("a", 12, "pool", "network", "base"));
        await second.program(machines("b", 12, '"shared"', '"lan"', `"${host.pools}/shared/base"`));

        await together([first, second].map((stack) => carryOut(stack, "up", 12)));
        await distinct(24, 6);
        for (const stack of [first, second]) await isEmpty(stack, "preview", "--refresh");
        // The first one keeps what the second one needs to the end.
        await first.program(shared(host.pools));
        await together([carryOut(first, "up", 12), carryOut(second, "destroy", 12)]);
        expect(await inventory(host)).toEqual(before);
        await carryOut(first, "destroy", 12);
        expect(await inventory(host)).toEqual(NOTHING);
      },
      2 * LIMIT,
    );
  },
);
