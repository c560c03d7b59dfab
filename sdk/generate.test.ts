import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nodejsFiles } from "./generate-nodejs.js";

describe("the generated SDK", () => {
  it.each(Object.entries(nodejsFiles()))("%s is what the kinds say now (else: npm run generate)", (name, text) => {
    expect(readFileSync(join(__dirname, "nodejs", name), "utf8")).toBe(text);
  });
});
