import { expect, it } from "vitest";
import type { LibvirtHost } from "../host.js";
import type { Stats } from "../inventory.js";
import { parseXml } from "../xml.js";
import { liveMemory, settled } from "./balloon.js";

const config = parseXml(
  "<domain><memory unit='KiB'>2048</memory><currentMemory unit='KiB'>1024</currentMemory></domain>",
  "a machine",
);
const dom = { name: "m", uuid: "740cde8f-afc1-5862-b680-6531027000b3", id: 1 };
const balloon = (current: number, reports = true): Stats => ({
  "balloon.current": current,
  "balloon.maximum": 2048,
  ...(reports ? { "balloon.last-update": 7 } : {}),
});

/** A host whose statistics answer with these, one after the other, while nothing else wakes the look. */
const host = (...answers: readonly Stats[]) => {
  const left = [...answers];
  return {
    inventory: { stats: async () => new Map([[dom.uuid, left.shift() ?? answers.at(-1)]]) },
    watch: {
      until: async <T>(_uuid: string, look: () => Promise<T | undefined>) => {
        for (const _ of answers) {
          const found = await look();
          if (found !== undefined) return found;
        }
        return undefined;
      },
    },
  } as unknown as LibvirtHost;
};
const nobody = {
  get inventory(): never {
    throw new Error("the host was asked");
  },
} as unknown as LibvirtHost;

it("takes a guest that gives memory back for one that has what is configured", async () => {
  const stats = await settled(host(balloon(1800), balloon(1500)), dom, config, balloon(1800));
  expect(liveMemory(config, stats)).toBe(1024 * 1024);
});

it("shows a guest that stands still above what is configured", async () => {
  const stats = await settled(host(balloon(1800), balloon(1800)), dom, config, balloon(1800));
  expect(liveMemory(config, stats)).toBe(1800 * 1024);
});

it.each([
  ["what is configured", balloon(1024), 1024 * 1024],
  ["less", balloon(512), 512 * 1024],
  ["the maximum, and no driver that reports", balloon(2048, false), undefined],
])("asks nothing more of a guest that has %s", async (_what, stats, memory) => {
  expect(liveMemory(config, await settled(nobody, dom, config, stats))).toBe(memory);
});
