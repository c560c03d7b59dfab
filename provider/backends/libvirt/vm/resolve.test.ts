import { expect, test } from "vitest";
import { parseXml } from "../xml.js";
import { type Existing, resolveDisks } from "./resolve.js";

const noHost = {} as never;
const disk = (name: string, path: string) =>
  ({ name, path, format: "raw", bus: "virtio", readOnly: false }) as Parameters<typeof resolveDisks>[1][number];
const existing = (...noted: readonly string[]): Existing => ({
  config: parseXml(
    `<domain><devices><disk><source file="/a"/><target dev="vda"/></disk>
      <disk><source file="/b"/><target dev="vdb"/></disk></devices></domain>`,
    "a test",
  ),
  notes: {
    owner: "",
    guest: undefined,
    tags: {},
    nics: [],
    seed: undefined,
    disks: noted.map((name) => ({ name, target: `vd${name}`, spelling: "path", path: undefined })),
  },
});
const targets = async (declared: Parameters<typeof resolveDisks>[1], there: Existing) =>
  Object.fromEntries((await resolveDisks(noHost, declared, there)).map((d) => [d.name, d.target]));

test("disks keep their device names, whatever their order", async () => {
  expect(await targets([disk("b", "/b"), disk("a", "/a")], existing("a", "b"))).toEqual({ a: "vda", b: "vdb" });
});

test("a file that moves to another disk does not take the device of the one that stays", async () => {
  const there = existing("a", "b");
  expect(await targets([disk("a", "/new"), disk("c", "/a"), disk("b", "/b")], there)).toEqual({
    a: "vda",
    b: "vdb",
    c: "vdc",
  });
});

test("a disk without a note is known by its file", async () => {
  expect(await targets([disk("root", "/b")], existing())).toEqual({ root: "vdb" });
});

test("a disk under another name keeps its device", async () => {
  expect(await targets([disk("a", "/a"), disk("data", "/b")], existing("a", "b"))).toEqual({ a: "vda", data: "vdb" });
});
