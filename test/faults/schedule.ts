import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";

/** Numbers from 0 up to 1, always the same ones for the same seed. */
export function random(seed: string): () => number {
  let count = 0;
  return () => {
    const digest = createHash("sha256").update(`${seed} ${count++}`).digest();
    return digest.readUInt32BE(0) / 2 ** 32;
  };
}

/** Some of them by chance, each at most once; in their order. */
export function sample<T>(all: readonly T[], count: number, next: () => number): readonly T[] {
  if (count >= all.length) return all;
  const order = all.map((_, index) => ({ index, rank: next() })).sort((a, b) => a.rank - b.rank);
  const chosen = new Set(order.slice(0, count).map(({ index }) => index));
  return all.filter((_, index) => chosen.has(index));
}

/**
 * `CROSSVISOR_FAULTS`: `all` for the whole schedule, else the seed of a sample. Default: what is committed, so that each
 * state of the project has a sample of its own, which is the same wherever it is tested.
 */
const given = process.env["CROSSVISOR_FAULTS"];
export const whole = given === "all";
export const seed = given === undefined || whole ? committed() : given;

/** The beginning of the digest of the committed tree; a chance word outside of a clone. */
function committed(): string {
  const { stdout } = spawnSync("git", ["rev-parse", "HEAD^{tree}"], { cwd: __dirname, encoding: "utf8" });
  return /^[0-9a-f]{40}/.test(stdout ?? "") ? stdout.slice(0, 8) : Math.random().toString(36).slice(2, 8);
}
