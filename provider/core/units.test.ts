import { describe, expect, test } from "vitest";
import { parseBytes, parseSeconds, showBytes } from "./units.js";

describe("bytes", () => {
  test.each([
    [0, 0],
    [4096, 4096],
    ["4096", 4096],
    [" 1 GiB ", 2 ** 30],
    ["1KiB", 1024],
    ["1kB", undefined],
    ["1KB", 1000],
    ["1.5GiB", 1.5 * 2 ** 30],
    ["500MB", 5e8],
    ["1TB", 1e12],
    ["2PiB", 2 * 2 ** 50],
    ["7B", 7],
  ])("%s is %s", (written, bytes) => expect(parseBytes(written)).toBe(bytes));

  test.each(["", "GiB", "1G", "1iB", "1 gib", "-1GiB", "0x10", "1e3", "1.0001B", "9999PiB", "1GiB2", "½GiB"])(
    "%s is none",
    (written) => expect(parseBytes(written)).toBe(undefined),
  );
  test.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("%s is none", (n) =>
    expect(parseBytes(n)).toBe(undefined),
  );
});

describe("seconds", () => {
  test.each([
    [90, 90],
    [0.5, 0.5],
    ["90", 90],
    ["90s", 90],
    ["5m", 300],
    ["1.5h", 5400],
    [" 2 m ", 120],
  ])("%s is %s", (written, s) => expect(parseSeconds(written)).toBe(s));
  test.each(["", "m", "5 min", "1d", "-5s", Number.NaN, Number.POSITIVE_INFINITY])("%s is none", (written) =>
    expect(parseSeconds(written)).toBe(undefined),
  );
});

test.each([
  [0, "0 bytes"],
  [1, "1 bytes"],
  [1024, "1KiB"],
  [1536, "1536 bytes"],
  [3 * 2 ** 30, "3GiB"],
  [2 ** 50, "1024TiB"],
])("%s is shown as %s, which reads as the same number", (n, shown) => {
  expect(showBytes(n)).toBe(shown);
  expect(parseBytes(shown.replace(" bytes", ""))).toBe(n);
});
