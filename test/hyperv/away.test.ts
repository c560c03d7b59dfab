import { mkdirSync, renameSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drivers } from "../../provider/backends/hyperv/index.js";
import { Engine } from "../../provider/core/engine.js";
import type { Kind } from "../../provider/core/kind.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { type Lab, openLab, refusalOf } from "./lab.js";

describe.skipIf(hypervMissing() !== undefined)(withHyperv("a drive of a Hyper-V host that is away"), () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(() => lab?.close());
  const engine = (kind: KindName, connection = lab.host): Engine<Kind, never> =>
    new Engine(kinds[kind] as Kind, drivers[kind] as never, { name: "hv", connection: connection as never });
  const step = { report: () => undefined, signal: new AbortController().signal };
  const create = (kind: KindName, words: Readonly<Record<string, unknown>>) => {
    const one = engine(kind);
    return one.create(one.check({ owner: "p/s", ...words }).inputs, step);
  };
  const away = {
    code: "failed",
    fact: expect.stringMatching(/^the drive E: of E:\\vms.* is not there, so nobody knows what is on it$/),
    hint: expect.stringContaining("Bring it back"),
  };

  test("is an error for what lies on it, and no end of it; a file that is deleted is gone", async () => {
    const drive = lab.simulated.path("E:\\").replace(/\/$/, "");
    mkdirSync(drive);
    const pool = await create("StoragePool", { name: "far", path: "E:\\vms" });
    const disk = await create("Volume", { name: "d", pool: pool.id, size: "4MiB" });
    const both = [["StoragePool", pool] as const, ["Volume", disk] as const];
    renameSync(drive, `${drive}-away`);
    // It has written nothing yet, so it reads in bulk.
    const other = lab.connect();
    for (const [kind, { id, inputs }] of both) {
      expect(await refusalOf(engine(kind, other).observe(id, inputs))).toMatchObject(away);
      expect(await refusalOf(engine(kind).observe(id, inputs))).toMatchObject(away);
      expect(await refusalOf(engine(kind).remove(id, inputs, step))).toMatchObject(away);
    }
    renameSync(`${drive}-away`, drive);
    for (const [kind, { id, inputs }] of both.toReversed()) {
      expect(await engine(kind).observe(id, inputs)).toBeDefined();
      await engine(kind).remove(id, inputs, step);
      expect(await engine(kind).observe(id, inputs)).toBeUndefined();
    }
  });
});
