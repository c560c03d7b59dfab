import { requirements } from "../hosts/requirements.js";
import { pulumiTools } from "../pulumi/requirements.js";
import { openStack, type Stack } from "../pulumi/stack.js";

const tools = pulumiTools();

/** Why nothing of this can be tried here; undefined when it can. */
export const missing: string | undefined = requirements() ?? (typeof tools === "string" ? tools : undefined);

/** Milliseconds that a command on many resources may take; a machine that does much else is slow. */
export const LIMIT = 280_000;

/** A stack of its own name, and so an owner of its own, on the host of a URI. */
export async function openOwner(name: string, uri: string): Promise<Stack> {
  const stack = await openStack();
  const { code, stderr } = await stack.run(["stack", "init", name, "--non-interactive"]);
  if (code !== 0) throw new Error(stderr);
  await stack.config("crossvisor:uri", uri);
  return stack;
}

/** `up` or `destroy`, with so many resources at a time. @throws with all that was printed when it fails. */
export async function carryOut(stack: Stack, command: "up" | "destroy", parallel: number): Promise<void> {
  const words = ["--yes", "--skip-preview", "--non-interactive", "--color=never", `--parallel=${parallel}`];
  const { code, stdout, stderr } = await stack.run([command, ...words], { timeout: LIMIT });
  if (code !== 0) throw new Error(`pulumi ${command} ended with ${code}:\n${stdout}\n${stderr}`);
}

/** What must not be there twice: MAC and address of each entry that the network keeps for a machine. */
export interface Kept {
  readonly macs: readonly string[];
  readonly addresses: readonly string[];
}

export function keptOf(networkXml: string): Kept {
  const found = [...networkXml.matchAll(/<host mac='([^']*)'.* ip='([^']*)'/g)];
  return { macs: found.map(([, mac]) => mac ?? ""), addresses: found.map(([, , ip]) => ip ?? "") };
}

export const doubles = (texts: readonly string[]): readonly string[] =>
  texts.filter((text, i) => texts.indexOf(text) !== i);

/** Waits for all, also when one fails: nothing may go on behind a test that has ended. @throws the first failure. */
export async function together(steps: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(steps);
  await Promise.all(steps);
}
