import { defineConfig } from "vitest/config";

const units = ["provider/**/*.test.ts", "sdk/**/*.test.ts"];

/**
 * Real tests that have the machine for themselves: they fill it, measure, count on what others may not change meanwhile
 * (devices of the kernel, the repository's build), or break off what takes longer than a moment.
 */
const alone = [
  "test/{bench,docs,doctor,faults,hosts,hyperv,package,scale,ssh,ways}/**/*.test.ts",
  "test/libvirt/pool-*.test.ts",
  "test/libvirt/upload-faults.test.ts",
];

const real = { testTimeout: 240_000, hookTimeout: 240_000 };

/** Units side by side, then real hosts (each file starts daemons and guests of its own) two files at a time, then one by one. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: units, testTimeout: 10_000, hookTimeout: 10_000 } },
      {
        test: {
          ...real,
          name: "real",
          include: ["test/**/*.test.ts"],
          exclude: alone,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...real, name: "alone", include: alone, fileParallelism: false, sequence: { groupOrder: 2 } } },
    ],
  },
});
