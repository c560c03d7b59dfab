import { openStack } from "../../test/pulumi/stack.js";
import type { Lab } from "../lab.js";
import { interleaved, type Sides, timed } from "../measure.js";
import { pulumiMachines, terraformMachines } from "../programs.js";
import type { Result } from "../report.js";
import { openTerraform } from "../terraform.js";
import { virsh } from "../virsh.js";

/** From the start of the command until the first word of what would happen to the machine. */
export async function answer(lab: Lab): Promise<readonly Result[]> {
  const uri = lab.uri("test:///default");
  const sides: Record<string, () => Promise<number>> = {};
  const close: (() => Promise<void>)[] = [];
  if (lab.pulumi) {
    const stack = await openStack();
    close.push(stack.close);
    await stack.config("crossvisor:uri", uri);
    await stack.program(pulumiMachines(1));
    sides["pulumi preview"] = async () => {
      const start = performance.now();
      let first = Number.NaN;
      const seen = (printed: string): void => {
        if (Number.isNaN(first) && /VirtualMachine pu-0 create/.test(printed))
          first = (performance.now() - start) / 1000;
      };
      await stack.run(["preview", "--non-interactive", "--color=never"], { seen });
      if (Number.isNaN(first)) throw new Error("the preview did not name the machine");
      return first;
    };
  }
  const peer = lab.peers.terraform;
  if (peer !== undefined) {
    const project = await openTerraform(peer, uri);
    close.push(project.close);
    await project.program(terraformMachines(1));
    sides[`${peer.name} plan`] = () => timed(() => project.run("plan"));
  }
  if (lab.peers.virsh) sides["virsh list"] = () => timed(() => virsh(lab, "test:///default", ["list --all"]));
  const values = await interleaved(lab.options.repeat, sides satisfies Sides);
  for (const one of close) await one();
  return [{ name: "time to the first answer", unit: "s", values }];
}
