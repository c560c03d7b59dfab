import { defineConfig } from "vitest/config";

const units = ["provider/**/*.test.ts", "sdk/**/*.test.ts"];

/** Two kinds of tests: units side by side, and real hosts one file after another (each starts daemons and guests). */
export default defineConfig({
  test: {
    projects: [
      {
        test: { name: "unit", include: units, testTimeout: 10_000, hookTimeout: 10_000 },
      },
      {
        test: {
          name: "real",
          include: ["test/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
