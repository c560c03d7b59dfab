import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { memory } from "./index.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "diagnose-"));
});
afterAll(() => rm(folder, { recursive: true }));

const look = { tries: true, report: () => undefined, signal: new AbortController().signal };
const levels = async (uri: string) =>
  (await memory.host({ uri }).diagnose(look)).map(({ topic, level }) => [topic, level]);
const PRETENDED = ["host", "note"];

it("a host of the process has nothing that could fail, and is pretended", async () =>
  expect(await levels("memory:")).toEqual([PRETENDED]));

it("a host in a file is well, also before the file is there", async () => {
  expect(await levels(`memory://${folder}/new.json`)).toEqual([PRETENDED, ["file", "ok"]]);
  await writeFile(join(folder, "old.json"), "{}");
  expect(await levels(`memory://${folder}/old.json`)).toEqual([PRETENDED, ["file", "ok"]]);
});

it("a spoilt file and a missing folder are problems with a remedy", async () => {
  await writeFile(join(folder, "bad.json"), "{");
  expect(await levels(`memory://${folder}/bad.json`)).toEqual([PRETENDED, ["file", "problem"]]);
  const [, missing] = await memory.host({ uri: `memory://${folder}/no/host.json` }).diagnose(look);
  expect(missing).toMatchObject({ level: "problem", commands: [`mkdir -p ${folder}/no`] });
});
