import { runWell } from "../test/pulumi/run.js";
import type { Driver, Lab } from "./lab.js";

/** Runs commands in one `virsh`, which must succeed: one process and one connection for all of them. */
export async function virsh(lab: Lab, driver: Driver, commands: readonly string[]): Promise<string> {
  const program = lab.peers.virsh ?? "virsh";
  const words = ["-q", "-c", lab.virshUri(driver), commands.join(" ; ")];
  return (await runWell(program, words, { cwd: lab.folder, timeout: 900_000 })).stdout;
}
