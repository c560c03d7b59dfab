import { describe, expect, it, test } from "vitest";
import { Network, VirtualMachine, Volume } from "../../../kinds/index.js";
import { Identifiers } from "./identifiers.js";
import { comments, literal, quoted, Variable } from "./literal.js";
import { wordsFor } from "./words.js";

describe("names of variables", () => {
  test.each([
    ["web", "web"],
    ["web-1.qcow2", "web1Qcow2"],
    ["Größe äé", "groEAe"],
    ["default", "defaultVolume"],
    ["7up", "volume7up"],
    ["漢字", "volume"],
    ["", "volume"],
    ["`$\u007bprocess.exit()}`", "processExit"],
    ['"); evil("', "evil"],
    ["__proto__", "proto"],
    ["constructor", "constructorVolume"],
    ["await", "awaitVolume"],
    ["Volume", "volume"],
  ])("%j is %s", (name, identifier) => {
    expect(new Identifiers([]).next(name, "volume")).toBe(identifier);
  });

  it("are given once", () => {
    const names = new Identifiers(["Volume"]);
    const given = ["a", "a", "a", "A", "漢", "字", "default", "default"].map((name) =>
      names.next(name, "storage pool"),
    );
    expect(given).toEqual([
      "a",
      "aStoragePool",
      "aStoragePool2",
      "aStoragePool3",
      "storagePool",
      "storagePool2",
      "defaultStoragePool",
      "defaultStoragePool2",
    ]);
  });
});

describe("values", () => {
  it.each([
    ["a", '"a"'],
    ['"\\\n\t`$\u007bx}`', '"\\"\\\\\\n\\t`$\u007bx}`"'],
    ["\u2028\u2029\u007f\ufeff\ud800", String.raw`"\u2028\u2029\u007f\ufeff\ud800"`],
  ])("are quoted so that they read back equal: %j", (text, written) => {
    expect(quoted(text)).toBe(written);
    expect(JSON.parse(quoted(text))).toBe(text);
  });

  it("stand on one line where they fit, and broken where not", () => {
    const value = { a: [1, true], "b-c": new Variable("x"), y: new Variable("y"), e: {} };
    expect(literal(value, 0, 0)).toBe('{ a: [1, true], "b-c": x, y, e: {} }');
    expect(literal(value, 1, 110)).toBe('{\n    a: [1, true],\n    "b-c": x,\n    y: y,\n    e: {},\n  }');
  });

  it("keep keys that would be something else", () => {
    expect(literal(JSON.parse('{"__proto__":"x"}'), 0, 0)).toBe('{ ["__proto__"]: "x" }');
  });

  it("end no comment", () => {
    expect(comments("a\nevil();\r\u2028evil();\u0085*/")).toEqual(["// a evil(); evil(); */"]);
    expect(comments("word ".repeat(50)).every((line) => /^\/\/ \S.{1,116}$/.test(line))).toBe(true);
  });
});

describe("words for what is there", () => {
  it("leave out defaults, what follows another word, and what is nothing", () => {
    const observed = {
      name: "m",
      owner: "",
      cpus: 2,
      maxCpus: 2,
      memory: 2 ** 30,
      maxMemory: 2 ** 31,
      description: "",
    };
    const more = { firmware: "uefi", tags: {}, disks: [], powerState: "stopped", cloudInit: null };
    expect(wordsFor(VirtualMachine.properties, { ...observed, ...more })).toEqual({
      cpus: 2,
      maxMemory: "2GiB",
      powerState: "stopped",
    });
  });

  it("name no secrets and no policies", () => {
    const observed = { cloudInit: { userData: "x" }, restartPolicy: "never", adopt: "x" };
    expect(wordsFor(VirtualMachine.properties, observed)).toEqual({});
  });

  it("leave out names that only tell elements apart", () => {
    const disks = [{ name: "vda", volume: "/a", bus: "virtio", readOnly: false, format: "raw" }];
    expect(wordsFor(VirtualMachine.properties, { disks })).toEqual({ disks: [{ volume: "/a", format: "raw" }] });
    const hosts = [{ mac: "52:54:00:00:00:01", address: "10.0.0.2", name: undefined }];
    expect(wordsFor(Network.properties, { dhcp: { range: undefined, hosts }, dns: { domain: "", hosts: [] } })).toEqual(
      {
        dhcp: { hosts: [{ mac: "52:54:00:00:00:01", address: "10.0.0.2" }] },
      },
    );
  });

  it("say sizes exactly, and what refers to others also where it is the default", () => {
    expect(wordsFor(Volume.properties, { size: 1536, pool: "default" })).toEqual({ size: 1536, pool: "default" });
  });
});
