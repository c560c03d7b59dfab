import { guestImage, guestRequirements } from "../hosts/guest.js";
import { waitFor } from "../hosts/host-folder.js";
import { type LibvirtHost, requirements, startLibvirtd } from "../hosts/libvirtd.js";
import { pulumiTools } from "../pulumi/requirements.js";
import type { Outcome } from "../pulumi/run.js";
import { openStack, type Preview, type PreviewStep, type Stack } from "../pulumi/stack.js";

const tools = pulumiTools();

/** Why the main job cannot be done here; undefined when it can. */
export const missing: string | undefined =
  requirements() ?? guestRequirements() ?? (typeof tools === "string" ? tools : undefined);

/** The name of a group of tests; one that is skipped tells the reason. */
export const titled = (name: string): string => (missing === undefined ? name : `${name} (skipped: ${missing})`);

/** A stack of the real Pulumi CLI and the private host that it works on. */
export interface Lab {
  readonly host: LibvirtHost;
  readonly stack: Stack;
  /** Path of the guest's disk image. */
  readonly image: string;
  close(): Promise<void>;
}

export async function openLab(): Promise<Lab> {
  const image = await guestImage();
  const host = await startLibvirtd();
  const stack = await openStack();
  await stack.config("crossvisor:uri", host.uri);
  const close = async () => {
    await stack.close();
    await host.stop();
  };
  return { host, stack, image, close };
}

/** All that a host has, asked by virsh and of the pools' folder: what is there after `destroy` was left behind. */
export interface Inventory {
  readonly machines: readonly string[];
  readonly networks: readonly string[];
  readonly pools: readonly string[];
  /** Marks of volumes. */
  readonly secrets: readonly string[];
  /** Paths below the folder for pools. */
  readonly files: readonly string[];
}

export const NOTHING: Inventory = { machines: [], networks: [], pools: [], secrets: [], files: [] };

export async function inventory(host: LibvirtHost): Promise<Inventory> {
  const named = async (...words: string[]) => lines(await host.virsh(...words, "--name"));
  const [machines, networks, pools, secrets, files] = await Promise.all([
    named("list", "--all"),
    named("net-list", "--all"),
    named("pool-list", "--all"),
    host.virsh("secret-list").then((table) => lines(table).slice(2)),
    host.exec(["find", host.pools, "-mindepth", "1"]).then(lines),
  ]);
  return { machines, networks, pools, secrets, files };
}

const lines = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .sort();

/** All that a command printed. */
export const all = ({ stdout, stderr }: Outcome): string => `${stdout}\n${stderr}`;

/** What crossvisor said in a preview, without the bare differences. */
export const said = (preview: Preview): readonly string[] =>
  (preview.diagnostics ?? []).filter((d) => d.urn?.includes("crossvisor:")).map((d) => d.message.trim());

export const stepOf = (preview: Preview, name: string): PreviewStep => {
  const found = preview.steps.find((s) => s.urn.endsWith(`::${name}`));
  if (!found) throw new Error(`${name} is not in the preview: ${preview.steps.map((s) => s.urn).join(" ")}`);
  return found;
};

/** What a refused preview printed. Fails when it was not refused. */
export async function refused(stack: Stack): Promise<string> {
  const outcome = await stack.run(["preview", "--non-interactive", "--color=never"]);
  if (outcome.code === 0) throw new Error(`it was not refused:\n${all(outcome)}`);
  return all(outcome);
}

/** A command that finds nothing to do. */
export async function isEmpty(stack: Stack, ...command: string[]): Promise<void> {
  const outcome = await stack.run([...command, "--expect-no-changes", "--non-interactive", "--diff", "--color=never"]);
  if (outcome.code !== 0) throw new Error(`pulumi ${command.join(" ")} is not empty:\n${all(outcome)}`);
}

/** Program, state and host agree: an update that looks at the host first would do nothing. */
export const isSettled = (stack: Stack): Promise<void> => isEmpty(stack, "preview", "--refresh");

/** Waits until a text is as it shall be. Limit: 30 s. */
export const until = (ask: () => Promise<string>, right: (text: string) => boolean): Promise<string> => {
  let last = "";
  const look = async () => {
    last = await ask();
    return right(last) ? last : undefined;
  };
  return waitFor(look, 30_000, () => `it does not become right; the last was: ${last}`);
};
