import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refresh } from "../../bench/cases/refresh.js";
import { type Lab, openLab } from "../../bench/lab.js";
import { findPeers } from "../../bench/peers.js";
import { medians, table } from "../../bench/report.js";
import { requirements } from "../hosts/requirements.js";
import { pulumiTools } from "../pulumi/requirements.js";

const tools = pulumiTools();
const reason = requirements() ?? (typeof tools === "string" ? tools : undefined);

describe.skipIf(reason !== undefined)(`the bench${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  let lab: Lab;
  beforeAll(async () => {
    // Terraform would have to be built first, and `tools/bench` measures it.
    const peers = { ...findPeers(), terraform: undefined };
    lab = await openLab(peers, { repeat: 1, sizes: [1], machines: 1, upload: 1 });
  });
  afterAll(() => lab?.close());

  it("measures a refresh of one machine, and counts its calls at the socket", async () => {
    const results = await refresh(lab);
    const [times, part, calls] = results;
    const sides = ["pulumi refresh", "virsh dumpxml", "our provider in process", "pulumi, on no host"];
    expect(Object.keys(medians(times!))).toEqual(sides);
    expect(Object.values(medians(times!)).every((seconds) => seconds > 0)).toBe(true);
    expect(Object.keys(medians(part!))).toContain("our provider in process");
    // Two bulk lists of machines and three of networks, and a description of the machine and of its network.
    expect(medians(calls!)["pulumi refresh"]).toBe(7);
    expect(table(results)).toMatch(/\| refresh of 1: calls \| pulumi refresh \| 7.00 calls .*: met \|/);
  });
});
