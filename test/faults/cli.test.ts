import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missing } from "../scale/lab.js";
import { CliLab } from "./cli-lab.js";
import { afresh, cliTrial, legsOf, type Measured, measure } from "./cli-trial.js";
import { CLI_FAULTS } from "./faults.js";
import type { Driver } from "./libvirt-lab.js";
import { random, sample, seed, whole } from "./schedule.js";

/** How many of the legs a sampled run tries, each with one fault. */
const PARTS: readonly { readonly driver: Driver; readonly sampled: number }[] = [
  { driver: "test:///default", sampled: 2 },
  { driver: "qemu:///system", sampled: 1 },
];

const extent = whole ? "whole" : `sampled with the seed ${seed}`;

describe.skipIf(missing !== undefined).each(PARTS)(
  `the real Pulumi CLI and its provider, killed and interrupted on $driver, ${extent}${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  ({ driver, sampled }) => {
    let lab: CliLab;
    const tally = new Map<string, number>();
    const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
    beforeAll(async () => {
      lab = await CliLab.open(driver);
    });
    afterAll(async () => {
      const lines = [...tally].sort().map(([what, times]) => `  ${what}: ${times}`);
      process.stdout.write(`faults: the CLI on ${driver} (${extent})\n${lines.join("\n")}\n`);
      await lab?.close();
    });

    it("every fault is survived", async () => {
      const next = random(`${seed} ${driver} CLI`);
      const legs: Measured[] = [];
      for (const leg of whole ? legsOf(lab) : sample(legsOf(lab), sampled, next)) legs.push(await measure(lab, leg));
      const chosen = legs.flatMap((leg) => {
        const all = CLI_FAULTS.flatMap((fault) => leg.points.map((_, at) => ({ leg, fault, at })));
        return whole ? all : sample(all, 1, next);
      });
      const failed: string[] = [];
      for (const { leg, fault, at } of chosen)
        try {
          count(`${leg.title}, ${fault}: ${await cliTrial(lab, leg, fault, at)}`);
        } catch (error) {
          count(`${leg.title}, ${fault}: failed`);
          failed.push(`${leg.title}, ${fault} at ${at} (${leg.points[at]}): ${error}`);
          await afresh(lab);
        }
      expect(failed).toEqual([]);
    }, 36_000_000);
  },
);
