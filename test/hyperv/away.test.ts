import { mkdirSync, renameSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KindName } from "../../provider/kinds/index.js";
import { hypervMissing, withHyperv } from "../hosts/hyperv/host.js";
import { createOn, engineOn, type Lab, openLab, refusalOf, silent, type Words } from "./lab.js";

describe.skipIf(hypervMissing() !== undefined)(withHyperv("a drive of a Hyper-V host that is away"), () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab();
  });
  afterAll(() => lab?.close());
  const engine = (kind: KindName, connection = lab.host) => engineOn(connection, kind);
  const create = (kind: KindName, words: Words) => createOn(lab.host, kind, words);
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
      expect(await refusalOf(engine(kind).remove(id, inputs, silent()))).toMatchObject(away);
    }
    renameSync(`${drive}-away`, drive);
    for (const [kind, { id, inputs }] of both.toReversed()) {
      expect(await engine(kind).observe(id, inputs)).toBeDefined();
      await engine(kind).remove(id, inputs, silent());
      expect(await engine(kind).observe(id, inputs)).toBeUndefined();
    }
  });
});
