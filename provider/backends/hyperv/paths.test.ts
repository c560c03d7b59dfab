import { expect, test } from "vitest";
import { fileNameProblem, fileOf, joined, parentOf, samePath, settledPath } from "./paths.js";

test.each([
  ["C:\\VMs\\web.vhdx", "C:\\VMs\\web.vhdx"],
  ["C:/VMs//web.vhdx", "C:\\VMs\\web.vhdx"],
  ["C:\\VMs\\", "C:\\VMs"],
  ["C:\\", "C:\\"],
  ["\\\\nas\\share\\x.vhdx", "\\\\nas\\share\\x.vhdx"],
  ["//nas/share//x", "\\\\nas\\share\\x"],
])("%s is kept as %s", (path, expected) => expect(settledPath(path)).toBe(expected));

test("spellings of one path", () => {
  expect(samePath("C:\\VMs\\Web.vhdx", "c:/vms/web.VHDX")).toBe(true);
  expect(samePath("C:\\VMs\\web.vhdx", "C:\\VMs\\web2.vhdx")).toBe(false);
});

test.each([
  ["C:\\VMs\\web.vhdx", "C:\\VMs", "web.vhdx"],
  ["C:\\web.vhdx", "C:\\", "web.vhdx"],
  ["\\\\nas\\share\\web.vhdx", "\\\\nas\\share", "web.vhdx"],
])("%s is in %s", (path, folder, name) => {
  expect(parentOf(path)).toBe(folder);
  expect(fileOf(path)).toBe(name);
  expect(joined(folder, name)).toBe(path);
});

test.each([
  ["web.vhdx", undefined],
  ["größe 漢字.vhdx", undefined],
  ["a:b", /must not contain/],
  ["a?", /must not contain/],
  ["NUL.vhdx", /name of a device/],
  ["com1", /name of a device/],
  ["console", undefined],
  ["web.", /must not end/],
])("%s as the name of a file", (name, problem) => {
  const found = fileNameProblem(name);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(problem);
});
