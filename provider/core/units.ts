const BINARY: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40, P: 2 ** 50 };
const DECIMAL: Readonly<Record<string, number>> = { K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };
const TIME: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600 };

/** `"2GiB"` (binary), `"2GB"` (decimal), `"4096"` or a number, as a whole number of bytes; `undefined` when it is none. */
export function parseBytes(value: number | string): number | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined;
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMGTP]?)(iB|B)?)$/.exec(value.trim());
  if (!match) return undefined;
  const [, amount, letter = "", suffix] = match;
  if (letter !== "" && suffix === undefined) return undefined;
  const unit = suffix === "B" && letter !== "" ? DECIMAL[letter] : BINARY[letter];
  if (unit === undefined || (letter === "" && suffix === "iB")) return undefined;
  const total = Number(amount) * unit;
  return Number.isSafeInteger(total) ? total : undefined;
}

/** A number, `"90s"`, `"5m"` or `"1h"` as seconds; `undefined` when it is none. */
export function parseSeconds(value: number | string): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  const match = /^(\d+(?:\.\d+)?)\s*([smh]?)$/.exec(value.trim());
  const unit = TIME[match?.[2] ?? ""];
  return match && unit !== undefined ? Number(match[1]) * unit : undefined;
}

/** A number of bytes in the largest binary unit that shows it exactly. */
export function showBytes(value: number): string {
  const units: readonly [string, number][] = [
    ["TiB", 2 ** 40],
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ];
  const unit = value === 0 ? undefined : units.find(([, size]) => value % size === 0);
  return unit ? `${value / unit[1]}${unit[0]}` : `${value} bytes`;
}
