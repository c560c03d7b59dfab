import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readMark } from "../../provider/backends/hyperv/machine/mark.js";
import { hostInventory } from "../../provider/backends/hyperv/requests/host.js";
import { all, isEmpty } from "../e2e/lab.js";
import { whole } from "../faults/schedule.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { type Lab, openLab, uriOf } from "../hyperv/lab.js";
import { pulumiTools } from "../pulumi/requirements.js";
import type { Stack } from "../pulumi/stack.js";
import { carryOut, doubles, LIMIT, openOwner, together } from "./lab.js";

/** Machines at a time. `CROSSVISOR_FAULTS=all` takes as many as the other hosts get. */
const COUNT = whole ? 32 : 6;

const network = `const network = new crossvisor.Network("lan", { cidr: "10.97.0.0/26" });`;
/** Machines with an overlay and first-boot data each. */
const machines = (prefix: string, count: number, network: string) => `
const base = new crossvisor.Volume("${prefix}-base", { size: "8MiB" });
for (let i = 0; i < ${count}; i++) {
  const name = "${prefix}" + i;
  const over = new crossvisor.Volume(name + "-over", { base });
  new crossvisor.VirtualMachine(name, {
    memory: "32MiB", disks: [{ volume: over }], networks: [{ network: ${network} }],
    cloudInit: { userData: "#!/bin/true" }, shutdown: { timeout: 1 },
  });
}`;
/** A machine whose name and MAC another program declares too. */
const contested = (network: string) => `
new crossvisor.VirtualMachine("contested", {
  name: "one", memory: "32MiB", networks: [{ network: ${network}, mac: "52:54:00:00:00:01" }], shutdown: { timeout: 1 },
});`;

const tools = pulumiTools();
const missing = hypervMissing() ?? (typeof tools === "string" ? tools : undefined);

describe.skipIf(missing !== undefined)(withHyperv("much at once, on a Hyper-V host", missing), () => {
  let lab: Lab;
  const stacks: Stack[] = [];
  const open = async (name: string): Promise<Stack> => {
    const stack = await openOwner(name, await uriOf(lab.simulated));
    await stack.config("crossvisor:sshConfig", "none");
    stacks.push(stack);
    return stack;
  };
  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(async () => {
    for (const stack of stacks) await stack.close();
    await lab?.close();
  });
  const inventory = () => hostInventory(lab.connect().agent);
  const NOTHING = { machines: [], switches: [], nats: [], disks: [] };

  /** So many machines run, each with what is its own alone. */
  const distinct = async (count: number): Promise<void> => {
    const found = await inventory();
    expect(found.machines.map(({ state }) => state)).toEqual(Array(count).fill("Running"));
    const nics = found.machines.flatMap(({ notes }) => readMark(notes).mark?.nics ?? []);
    const addresses = nics.flatMap(({ address }) => address?.address ?? []);
    expect([nics.length, addresses.length]).toEqual([count, count]);
    const shown = found.machines.flatMap((machine) => machine.nics.map(({ mac }) => mac));
    expect([...doubles(shown), ...doubles(nics.map(({ mac }) => mac)), ...doubles(addresses)]).toEqual([]);
  };

  it(
    `${COUNT} machines of one program are made at the same time, and deleted at the same time`,
    async () => {
      const stack = await open("alone");
      await stack.program(network + machines("m", COUNT, "network"));
      await carryOut(stack, "up", 32);
      await distinct(COUNT);
      await isEmpty(stack, "preview");
      await isEmpty(stack, "preview", "--refresh");
      await carryOut(stack, "destroy", 32);
      expect(await inventory()).toMatchObject(NOTHING);
    },
    2 * LIMIT,
  );

  it(
    "two programs work on one host and one network at the same time, and of what both declare one gets it",
    async () => {
      const [first, second] = [await open("first"), await open("second")];
      await first.program(network);
      await carryOut(first, "up", 8);
      const programs = [network + machines("a", 6, "network"), machines("b", 6, '"lan"')] as const;
      await first.program(programs[0]);
      await second.program(programs[1]);
      await together([first, second].map((stack) => carryOut(stack, "up", 12)));
      await distinct(12);
      for (const stack of [first, second]) await isEmpty(stack, "preview", "--refresh");

      await first.program(programs[0] + contested("network"));
      await second.program(programs[1] + contested('"lan"'));
      const words = ["up", "--yes", "--skip-preview", "--non-interactive", "--color=never"];
      const outcomes = await Promise.all([first, second].map((stack) => stack.run(words, { timeout: LIMIT })));
      expect(outcomes.map(({ code }) => code === 0).toSorted()).toEqual([false, true]);
      const lost = outcomes.find(({ code }) => code !== 0);
      expect(lost && all(lost)).toMatch(/"one" is a virtual machine of the host already and belongs to somebody else/);
      await distinct(13);
      await carryOut(second, "destroy", 12);
      await carryOut(first, "destroy", 12);
      expect(await inventory()).toMatchObject(NOTHING);
    },
    2 * LIMIT,
  );
});
