import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { recorder } from "./record.js";

const folder = mkdtempSync(join(tmpdir(), "crossvisor-record-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a record holds the forms of what a host said, and nothing of whose it is", () => {
  const path = join(folder, "record.jsonl");
  const heard = recorder(path);
  heard?.("asked", {
    id: 1,
    name: "vm.create",
    args: { name: "payroll", path: "D:\\acme\\payroll", notes: "for Bob" },
  });
  const answer = {
    id: "9de7d945-74e0-444e-b12d-13afc7bcf436",
    name: "payroll",
    state: "Running",
    nics: [{ mac: "3CECEF00ABCD", addresses: ["203.0.113.77", "2001:db8::77"], switch: "Office" }],
    disks: [{ path: "d:\\acme\\payroll\\root.VHDX", controller: "SCSI", size: 10737418240 }],
  };
  heard?.("answered", { id: 1, value: answer });
  const id = "InvalidParameter,Microsoft.HyperV.PowerShell.Commands.GetVM";
  heard?.("answered", { id: 2, error: { id, category: "InvalidArgument", message: "no machine payroll" } });
  heard?.("asked", { id: 3, name: "file.write", args: { data: "cGF5cm9sbA==" } });
  const written = readFileSync(path, "utf8");
  expect(written).not.toMatch(/payroll|acme|bob|office|3CECEF|203\.0|2001:|9de7d945|root|cGF5/i);
  const lines = written
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines[0].asked).toMatchObject({ name: "vm.create", args: { name: "text1" } });
  const value = lines[1].answered.value;
  expect(value).toMatchObject({ name: "text1", state: "Running", disks: [{ controller: "SCSI", size: 10737418240 }] });
  expect(value.nics[0]).toMatchObject({ mac: expect.stringMatching(/^00155D[0-9A-F]{6}$/) });
  expect(value.nics[0].addresses).toEqual([expect.stringMatching(/^10\.0\./), expect.stringMatching(/^fd00::/)]);
  expect(value.disks[0].path).toMatch(/^d:\\text\d+\\text1\\text\d+\.vhdx$/);
  expect(lines[2].answered.error).toMatchObject({ id, category: "InvalidArgument" });
});

test("without a file nothing is heard", () => {
  expect([recorder(undefined), recorder("")]).toEqual([undefined, undefined]);
});
