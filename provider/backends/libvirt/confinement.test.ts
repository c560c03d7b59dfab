import { describe, expect, it, test } from "vitest";
import { closedMode, readConfinement } from "./confinement.js";
import { parseXml } from "./xml.js";

describe("what confines guests", () => {
  const models = (...names: readonly string[]) => {
    const label = (n: string) => (n.startsWith("dac") ? `<baselabel type='kvm'>${n.slice(4)}</baselabel>` : "");
    const all = names.map((n) => `<secmodel><model>${n.split(" ")[0]}</model><doi>0</doi>${label(n)}</secmodel>`);
    return parseXml(`<capabilities><host>${all.join("")}</host></capabilities>`, "capabilities");
  };
  test.each([
    [["apparmor", "dac +64055:+108"], { user: { user: 64055, group: 108 }, driver: "apparmor" }],
    [["selinux", "dac +0:+0"], { user: { user: 0, group: 0 }, driver: "selinux" }],
    [["none", "dac qemu:qemu"], { user: undefined, driver: undefined }],
    [[], { user: undefined, driver: undefined }],
  ])("%j", (names, expected) => expect(readConfinement(models(...names))).toEqual(expected));
});

describe("a pool's folder", () => {
  const pool = (mode: string, owner: number, group: number) =>
    parseXml(
      `<pool><target><permissions><mode>${mode}</mode><owner>${owner}</owner><group>${group}</group></permissions></target></pool>`,
      "a pool",
    );
  const qemu = { user: 64055, group: 108 };

  test.each([
    ["0711", 0, 0, undefined],
    ["0710", 0, 108, undefined],
    ["0700", 64055, 0, undefined],
    ["0700", 0, 0, "0700"],
    ["0701", 0, 108, "0701"],
    ["0077", 64055, 0, "0077"],
    ["0707", 0, 108, "0707"],
  ])("with mode %s of %i:%i: %s", (mode, owner, group, expected) =>
    expect(closedMode(qemu, pool(mode, owner, group))).toBe(expected),
  );

  // The group's bits are also the mask of an access list, which the pool does not tell: QEMU's user may be in it.
  test.each(["0750", "0710"])("with mode %s of another group may be open by an access list", (mode) =>
    expect(closedMode(qemu, pool(mode, 0, 0))).toBeUndefined(),
  );

  it("is open to root, and nothing is said where the pool says nothing", () => {
    expect(closedMode({ user: 0, group: 0 }, pool("0000", 1, 1))).toBeUndefined();
    expect(closedMode(qemu, parseXml("<pool><target/></pool>", "a pool"))).toBeUndefined();
  });
});
