import { expect, test } from "vitest";
import { ProviderError } from "../../../core/errors.js";
import { explainingStart } from "./start-error.js";

const machine = {
  inputs: {
    cdrom: "/cd.iso",
    disks: [
      { name: "a", volume: "/a" },
      { name: "b", path: "/b" },
    ],
  },
  disks: [
    { name: "a", path: "/a" },
    { name: "b", path: "/b" },
  ],
  seed: { path: "/seed.iso" },
} as unknown as Parameters<typeof explainingStart>[0];

const explained = async (fact: string, details = {}): Promise<ProviderError> => {
  const failed = () => Promise.reject(new ProviderError("failed", fact, details));
  const error: unknown = await explainingStart(machine, failed).catch((e: unknown) => e);
  if (!(error instanceof ProviderError)) throw error;
  return error;
};

test.each([
  ["network 'lan' is not active", "networks", /net-start/],
  ["Cannot get interface MTU on 'br7': No such device", "networks", /Make the bridge/],
  ["operation failed: Unable to find any firmware to satisfy 'efi'", "firmware", /"bios"/],
  ["Cannot access storage file '/a': No such file or directory", "disks[0].volume", /must be there/],
  ["Could not open '/b': Is a directory", "disks[1].path", /must be there/],
  ["Cannot access storage file '/cd.iso'", "cdrom", /must be there/],
  ["Cannot access storage file '/seed.iso'", "cloudInit", /must be there/],
])("%s: %s", async (fact, property, hint) => {
  const error = await explained(fact);
  expect(error.where.property).toBe(property);
  expect(error.hint).toMatch(hint);
  expect(error.fact).toBe(fact);
});

test("a remedy that is known already stays, and so does what names its property itself", async () => {
  expect(await explained("Could not open '/a'", { hint: "Ask." })).toMatchObject({
    hint: "Ask.",
    where: { property: "disks[0].volume" },
  });
  expect((await explained("about '/a'", { where: { property: "acceleration" } })).where.property).toBe("acceleration");
});

test("what nothing is known about stays as it is", async () => {
  expect(await explained("internal error")).toMatchObject({ where: {}, hint: undefined });
});
