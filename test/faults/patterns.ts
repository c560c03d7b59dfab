import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Lab } from "./lab.js";

const run = promisify(execFile);

/** Each volume has a pattern of its own. */
const patternOf = (name: string): number => 1 + ([...name].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 250);
const PLACES = ["0 64k", "960k 64k"];

/** Empty volumes get a pattern. */
export async function fill(lab: Lab, names: readonly string[]): Promise<void> {
  for (const { name, path, format } of filled(lab, names)) await write(name, path, format);
}

/** Gives a file of 1 MiB or more the pattern of a name. */
export async function write(name: string, path: string, format = "qcow2"): Promise<void> {
  const writes = PLACES.flatMap((at) => ["-c", `write -q -P ${patternOf(name)} ${at}`]);
  await run("qemu-io", ["-f", format, ...writes, path]);
}

/** @throws when a volume has not the pattern that it was filled with. */
export async function intact(lab: Lab, names: readonly string[]): Promise<void> {
  for (const { name, path, format } of filled(lab, names)) await verify(name, path, format);
  if (names.includes("copy")) await sameAsSource(lab);
}

/** @throws when a file has not the pattern of a name. */
export async function verify(name: string, path: string, format = "qcow2"): Promise<void> {
  const reads = PLACES.flatMap((at) => ["-c", `read -q -P ${patternOf(name)} ${at}`]);
  const { stdout, stderr } = await run("qemu-io", ["-r", "-U", "-f", format, ...reads, path]);
  if (/fail|error/i.test(stdout + stderr)) throw new Error(`the data of "${name}" is destroyed: ${stdout}${stderr}`);
}

/** Volumes with their files on this machine. */
const filled = (lab: Lab, names: readonly string[]) =>
  names.flatMap((name) => {
    const entry = lab.stack.entry(name);
    const path = entry?.kind === "Volume" ? lab.file(String(entry.outputs["path"])) : undefined;
    if (path === undefined || ["copy", "overlay"].includes(name)) return [];
    return [{ name, path, format: path.endsWith(".vhdx") ? "vhdx" : "qcow2" }];
  });

async function sameAsSource(lab: Lab): Promise<void> {
  const entry = lab.stack.entry("copy");
  const [path = "", source = "", format = ""] = ["path", "source", "format"].map((key) => String(entry?.outputs[key]));
  const words = ["compare", "-U", "-f", format, "-F", source.split(".").at(-1) ?? "", lab.file(path) ?? "", source];
  const { stdout } = await run("qemu-img", words);
  if (!stdout.includes("identical")) throw new Error(`the copy is not what its source is: ${stdout}`);
}

/** A raw image of 4 MiB with data in these places, and the same as qcow2: several messages of an upload each. */
export async function makeImages(
  folder: string,
  places: readonly string[],
): Promise<{ readonly raw: string; readonly qcow2: string }> {
  await mkdir(folder, { recursive: true });
  const [raw, qcow2] = [join(folder, "image.raw"), join(folder, "image.qcow2")];
  await run("qemu-img", ["create", "-f", "raw", raw, "4M"]);
  const writes = places.flatMap((place, i) => ["-c", `write -q -P ${i + 7} ${place}`]);
  await run("qemu-io", ["-f", "raw", ...writes, raw]);
  await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, qcow2]);
  return { raw, qcow2 };
}
