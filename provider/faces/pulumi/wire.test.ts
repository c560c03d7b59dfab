import { specialSecretSig, specialSigKey, unknownValue } from "@pulumi/pulumi/runtime/rpc.js";
import { describe, expect, it } from "vitest";
import { UNKNOWN } from "../../core/values.js";
import { VirtualMachine } from "../../kinds/index.js";
import { decode, encode, SECRET, SIGNATURE, UNKNOWN_TEXT } from "./wire.js";

describe("the engine's spelling of values", () => {
  it("is that of Pulumi's SDK", () => {
    expect([UNKNOWN_TEXT, SIGNATURE, SECRET]).toEqual([unknownValue, specialSigKey, specialSecretSig]);
  });

  it("turns unknowns at any depth into the core's and back", () => {
    const sent = { memory: UNKNOWN_TEXT, disks: [{ name: "a", volume: UNKNOWN_TEXT }], networks: UNKNOWN_TEXT };
    const known = { memory: UNKNOWN, disks: [{ name: "a", volume: UNKNOWN }], networks: UNKNOWN };
    expect(decode(sent)).toEqual(known);
    expect(encode(VirtualMachine.properties, known)).toEqual(sent);
  });

  it("wraps each secret where it is and nothing around it", () => {
    const wrapped = { [SIGNATURE]: SECRET, value: "#cloud-config" };
    const encoded = encode(VirtualMachine.properties, { cloudInit: { userData: "#cloud-config", metaData: "a: b" } });
    expect(encoded).toEqual({ cloudInit: { userData: wrapped, metaData: "a: b" } });
    expect(decode(encoded)).toEqual({ cloudInit: { userData: "#cloud-config", metaData: "a: b" } });
    const unknown = { cloudInit: { userData: UNKNOWN } };
    expect(encode(VirtualMachine.properties, unknown)).toEqual({ cloudInit: { userData: UNKNOWN_TEXT } });
  });

  it("leaves out what is absent: the engine cannot carry it", () => {
    expect(encode({}, { a: undefined, b: { c: undefined, d: null, e: 0, f: "" }, g: [] })).toEqual({
      b: { e: 0, f: "" },
      g: [],
    });
  });
});
