import { openStack, type Stack } from "../../test/pulumi/stack.js";
import type { Lab } from "../lab.js";
import { interleaved, peakMemory, type Sides, timed } from "../measure.js";
import { pulumiFloor, pulumiMachines, terraformFloor, terraformMachines } from "../programs.js";
import { atLeastTimes, atMost, medians, type Result } from "../report.js";
import { openTerraform, type TerraformProject } from "../terraform.js";
import { virsh } from "../virsh.js";
import { readers } from "../worker.js";

const DRIVER = "test:///default";
/** Machines from which on the goals hold: below, the start of the engines is all there is. */
const MANY = 500;

/** Everybody with `n` machines made and one program that has as many resources on no host. */
interface Prepared {
  readonly pulumi?: { readonly machines: Stack; readonly floor: Stack };
  readonly terraform?: { readonly machines: TerraformProject; readonly floor: TerraformProject };
}

/** Refreshes of machines of libvirt's test driver, for each size: time, calls and memory; then how they grow. */
export async function refresh(lab: Lab): Promise<readonly Result[]> {
  const results: Result[] = [];
  const sizes = lab.options.sizes.toSorted((a, b) => a - b);
  for (const n of sizes) {
    const prepared = await prepare(lab, n);
    try {
      results.push(...(await measure(lab, n, prepared)));
    } finally {
      await tidy(prepared);
    }
  }
  return [...results, ...growth(sizes, results)];
}

/** Milliseconds that each further machine takes between two sizes. Where time grows linearly it is the same between any two. */
function growth(sizes: readonly number[], results: readonly Result[]): readonly Result[] {
  const times = sizes.map((n) => ({ n, of: medians(results.find(({ name }) => name === `refresh of ${n}`)) }));
  return times.slice(1).map(({ n, of }, i) => {
    const before = times[i] ?? { n: 0, of: {} };
    const each = Object.entries(of).map(([side, seconds]) => {
      const more = seconds - (before.of[side] ?? Number.NaN);
      return [side, [(more * 1000) / (n - before.n)]];
    });
    return { name: `refresh: each machine more, ${before.n} to ${n}`, unit: "ms", values: Object.fromEntries(each) };
  });
}

async function prepare(lab: Lab, n: number): Promise<Prepared> {
  const uri = lab.uri(DRIVER);
  const stack = async (program: string): Promise<Stack> => {
    const made = await openStack();
    await made.config("crossvisor:uri", uri);
    await made.program(program);
    await made.up();
    return made;
  };
  const peer = lab.peers.terraform;
  const project = async (hcl: string): Promise<TerraformProject | undefined> => {
    if (peer === undefined) return undefined;
    const made = await openTerraform(peer, uri);
    await made.program(hcl);
    await made.run("apply");
    return made;
  };
  const terraform = { machines: await project(terraformMachines(n)), floor: await project(terraformFloor(n)) };
  const { machines, floor } = terraform;
  return {
    ...(lab.pulumi ? { pulumi: { machines: await stack(pulumiMachines(n)), floor: await stack(pulumiFloor(n)) } } : {}),
    ...(machines && floor ? { terraform: { machines, floor } } : {}),
  };
}

async function measure(lab: Lab, n: number, { pulumi, terraform }: Prepared): Promise<readonly Result[]> {
  const uri = lab.uri(DRIVER);
  const cli = lab.peers.terraform?.name ?? "terraform";
  const process = await readers(uri, (await pulumi?.machines.state())?.resources ?? []);
  const reading = "our provider in process";
  const sides: Record<string, () => Promise<unknown>> = {};
  if (pulumi) sides["pulumi refresh"] = () => pulumi.machines.refresh();
  if (terraform) sides[`${cli} refresh`] = () => terraform.machines.run("refresh");
  if (lab.peers.virsh)
    sides["virsh dumpxml"] = () =>
      virsh(
        lab,
        DRIVER,
        names(n).map((name) => `dumpxml ${name}`),
      );
  const floors: Record<string, () => Promise<unknown>> = {};
  if (pulumi) floors["pulumi, on no host"] = () => pulumi.floor.refresh();
  if (terraform) floors[`${cli}, on no host`] = () => terraform.floor.run("refresh");
  const times = await interleaved(lab.options.repeat, timesOf({ ...sides, [reading]: process, ...floors }));
  const goal = n >= MANY ? { goal: atLeastTimes(5, "pulumi refresh", `${cli} refresh`) } : {};
  const more = (whole: string, floor: string) =>
    (times[whole] ?? []).map((value, i) => value - (times[floor]?.[i] ?? Number.NaN));
  const cost = {
    [reading]: times[reading] ?? [],
    "pulumi refresh, more than on no host": more("pulumi refresh", "pulumi, on no host"),
    [`${cli} refresh, more than on no host`]: more(`${cli} refresh`, `${cli}, on no host`),
  };
  const results: Result[] = [
    { name: `refresh of ${n}`, unit: "s", values: times, ...goal },
    {
      name: `refresh of ${n}: the provider's part`,
      unit: "s",
      values: cost,
      ...(n >= MANY ? { goal: atLeastTimes(5, reading, `${cli} refresh, more than on no host`) } : {}),
    },
  ];
  const calls = await interleaved(1, countsOf(lab, sides));
  results.push({
    name: `refresh of ${n}: calls`,
    unit: "calls",
    values: calls,
    goal: atMost(n + 10, "pulumi refresh"),
  });
  if (n >= MANY) {
    const memory = await interleaved(1, memoryOf({ ...sides, ...floors }));
    results.push({ name: `refresh of ${n}: peak memory of all processes`, unit: "MiB", values: memory });
  }
  return results;
}

type Steps = Readonly<Record<string, () => Promise<unknown>>>;
const each = (steps: Steps, by: (step: () => Promise<unknown>) => Promise<number>): Sides =>
  Object.fromEntries(Object.entries(steps).map(([name, step]) => [name, () => by(step)]));
const timesOf = (steps: Steps): Sides => each(steps, timed);
const memoryOf = (steps: Steps): Sides => each(steps, peakMemory);
const countsOf = (lab: Lab, steps: Steps): Sides =>
  each(steps, async (step) => {
    lab.door.calls();
    await step();
    return lab.door.calls();
  });

const names = (n: number): readonly string[] => Array.from({ length: n }, (_, i) => `pu-${i}`);

async function tidy({ pulumi, terraform }: Prepared): Promise<void> {
  await pulumi?.machines.destroy();
  await terraform?.machines.run("destroy");
  for (const one of [pulumi?.machines, pulumi?.floor, terraform?.machines, terraform?.floor]) await one?.close();
}
