import { describe, expect, it } from "vitest";
import { differences } from "../../core/compare.js";
import { UNKNOWN } from "../../core/values.js";
import { VirtualMachine } from "../../kinds/index.js";
import { changeWords, unknownWords } from "./words.js";

const { properties } = VirtualMachine;
const wordsFor = (before: object, after: object) =>
  differences(properties, before, after).map((d) => changeWords(properties, d));

describe("the words of a plan", () => {
  it("show bytes with a unit, also inside, and say the effect", () => {
    expect(wordsFor({ memory: 2 ** 30 }, { memory: 2 ** 31 })).toEqual(["memory: 1GiB => 2GiB: needs a restart"]);
  });

  it("give the reason that the backend gave", () => {
    const [d] = differences(properties, { cpus: 2 }, { cpus: 4 });
    expect(d && changeWords(properties, { ...d, effect: "restart", because: "maxCpus is 2" })).toBe(
      "cpus: 2 => 4: needs a restart (maxCpus is 2)",
    );
  });

  it("name elements of lists and say added and removed", () => {
    const disk = (name: string) => ({ name, path: `/dev/${name}`, bus: "virtio" });
    expect(wordsFor({ disks: [disk("a")] }, { disks: [disk("b")] })).toEqual([
      'disks["a"]: removed: live',
      'disks["b"]: added: live',
    ]);
  });

  it.each([
    ["inside", { cloudInit: { userData: "one" } }, { cloudInit: { userData: "two" } }],
    ["added with what holds it", {}, { cloudInit: { userData: "two" } }],
    ["removed with what holds it", { cloudInit: { userData: "one" } }, {}],
  ])("never show a secret: %s", (_, before, after) => {
    const words = wordsFor(before, after).join();
    expect(words).toContain("cloudInit");
    expect(words).not.toMatch(/one|two/);
  });

  it("say what is not known yet, with what it would do", () => {
    const found = differences(
      properties,
      { firmware: "bios", description: "x" },
      { firmware: UNKNOWN, description: UNKNOWN },
    );
    expect(found.map(unknownWords)).toEqual([
      "description: not known before the update",
      "firmware: not known before the update; if it changes, it needs a restart",
    ]);
  });
});
