import { openStack } from "../../test/pulumi/stack.js";
import type { Lab } from "../lab.js";
import { interleaved, timed } from "../measure.js";
import { pulumiMachines, terraformMachines } from "../programs.js";
import type { Result } from "../report.js";
import { openTerraform } from "../terraform.js";

/** One side: makes all machines, and destroys them. */
interface Side {
  make(): Promise<unknown>;
  destroy(): Promise<unknown>;
  close(): Promise<void>;
}

/** Machines of libvirt's test driver are made and destroyed, with one interface each on a network that is made with them. */
export async function lifecycle(lab: Lab): Promise<readonly Result[]> {
  const n = lab.options.machines;
  const sides = await open(lab, n);
  const calls: Record<string, number> = {};
  const destroying: Record<string, number[]> = {};
  const both = ([name, side]: [string, Side]) =>
    [
      name,
      async () => {
        lab.door.calls();
        const seconds = await timed(() => side.make());
        destroying[name] = [...(destroying[name] ?? []), await timed(() => side.destroy())];
        calls[name] = lab.door.calls();
        return seconds;
      },
    ] as const;
  const making = await interleaved(lab.options.repeat, Object.fromEntries(Object.entries(sides).map(both)));
  for (const side of Object.values(sides)) await side.close();
  const counted = Object.fromEntries(Object.entries(calls).map(([name, count]) => [name, [count]]));
  return [
    { name: `creation of ${n}`, unit: "s", values: making },
    { name: `destruction of ${n}`, unit: "s", values: destroying },
    { name: `creation and destruction of ${n}: calls`, unit: "calls", values: counted },
  ];
}

async function open(lab: Lab, n: number): Promise<Readonly<Record<string, Side>>> {
  const uri = lab.uri("test:///default");
  const sides: Record<string, Side> = {};
  if (lab.pulumi) {
    const stack = await openStack();
    await stack.config("crossvisor:uri", uri);
    await stack.program(pulumiMachines(n));
    sides["pulumi"] = { make: () => stack.up(), destroy: () => stack.destroy(), close: () => stack.close() };
  }
  const peer = lab.peers.terraform;
  if (peer !== undefined) {
    const project = await openTerraform(peer, uri);
    await project.program(terraformMachines(n));
    const [make, destroy] = [() => project.run("apply"), () => project.run("destroy")];
    sides[peer.name] = { make, destroy, close: () => project.close() };
  }
  return sides;
}
