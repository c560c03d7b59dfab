import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Lab } from "./lab.js";

const run = promisify(execFile);

/** Each volume has a pattern of its own. */
const patternOf = (name: string): number => 1 + ([...name].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 250);
const PLACES = ["0 64k", "960k 64k"];

/** Empty volumes get a pattern; they are in `POOLS/pool`. */
export async function fill(lab: Lab, names: readonly string[]): Promise<void> {
  for (const { name, path } of filled(lab, names)) await write(name, path);
}

/** Gives a qcow2 file of 1 MiB or more the pattern of a name. */
export async function write(name: string, path: string): Promise<void> {
  const writes = PLACES.flatMap((at) => ["-c", `write -q -P ${patternOf(name)} ${at}`]);
  await run("qemu-io", ["-f", "qcow2", ...writes, path]);
}

/** @throws when a volume has not the pattern that it was filled with. */
export async function intact(lab: Lab, names: readonly string[]): Promise<void> {
  for (const { name, path } of filled(lab, names)) await verify(name, path);
  if (names.includes("copy")) await sameAsSource(lab);
}

/** @throws when a file has not the pattern of a name. */
export async function verify(name: string, path: string): Promise<void> {
  const reads = PLACES.flatMap((at) => ["-c", `read -q -P ${patternOf(name)} ${at}`]);
  const { stdout, stderr } = await run("qemu-io", ["-r", "-U", "-f", "qcow2", ...reads, path]);
  if (/fail|error/i.test(stdout + stderr)) throw new Error(`the data of "${name}" is destroyed: ${stdout}${stderr}`);
}

/** The test driver has no files. */
const filled = (lab: Lab, names: readonly string[]) =>
  lab.driver === "test:///default"
    ? []
    : names.flatMap((name) => {
        const entry = lab.stack.entry(name);
        const isFilled = entry?.kind === "Volume" && !["copy", "overlay"].includes(name);
        return isFilled ? [{ name, path: String(entry.outputs["path"]) }] : [];
      });

async function sameAsSource(lab: Lab): Promise<void> {
  const entry = lab.stack.entry("copy");
  const [path, source, format] = ["path", "source", "format"].map((key) => String(entry?.outputs[key]));
  const words = ["compare", "-U", "-f", format ?? "", "-F", format ?? "", path ?? "", source ?? ""];
  const { stdout } = await run("qemu-img", words);
  if (!stdout.includes("identical")) throw new Error(`the copy is not what its source is: ${stdout}`);
}

/** A raw image of 4 MiB, most of it data, and the same as qcow2: several messages of an upload each. */
export async function makeImages(folder: string): Promise<{ readonly raw: string; readonly qcow2: string }> {
  await mkdir(folder, { recursive: true });
  const [raw, qcow2] = [join(folder, "image.raw"), join(folder, "image.qcow2")];
  await run("qemu-img", ["create", "-f", "raw", raw, "4M"]);
  await run("qemu-io", ["-f", "raw", "-c", "write -q -P 7 0 2560k", "-c", "write -q -P 9 3M 64k", raw]);
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, qcow2]);
  return { raw, qcow2 };
}
