import type { KindName } from "../../provider/kinds/index.js";

export type Words = Readonly<Record<string, unknown>>;

/** What is written, the property that is named, and what is said of it: a fact and a remedy. */
export type Row = readonly [what: string, kind: KindName, words: Words, path: string, reason: RegExp];

/** Wrong whatever the host is, with the declarations of `mine` in each suite laid under. */
export const WORDS: readonly Row[] = [
  [
    "a wrong unit",
    "VirtualMachine",
    { memory: "2GB2" },
    "memory",
    /must be a whole number of bytes or text such as "2GiB"/,
  ],
  ["a negative size", "VirtualMachine", { memory: -1 }, "memory", /must not be negative, not -1/],
  ["a negative size", "Volume", { size: -512 }, "size", /must not be negative, not -512/],
  ["an unknown word", "VirtualMachine", { memmory: "1GiB" }, "memmory", /did you mean "memory"/],
  [
    "a path that is none",
    "StoragePool",
    { path: "images" },
    "path",
    /must be an absolute path on the host, not "images"/,
  ],
  [
    "an address for a network",
    "Network",
    { cidr: "10.91.0.5/24" },
    "cidr",
    /must name the network itself: "10.91.0.0\/24"/,
  ],
];
