import { describe, expect, it } from "vitest";
import { encoded } from "../../../../test/rpc/scripted-peer.js";
import { array, type Codec, counter, int, long, opaque, optional, size, str, struct, uint, uuid } from "./codec.js";
import { chars, domain, errorBody, listOf, type TypedParam, typedParam } from "./types.js";
import { XdrError, XdrReader, XdrWriter } from "./xdr.js";

/** The same sequence in each run (mulberry32). */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

const decode = <T>(codec: Codec<T>, bytes: Buffer): { value: T; rest: number } => {
  const reader = new XdrReader(bytes);
  return { value: codec.read(reader), rest: reader.remaining };
};

const sample = struct({
  dom: domain,
  params: array(typedParam, 16),
  name: optional(str),
  bytes: opaque(64),
  size,
  long,
  all: listOf(str, 8),
});

const makeSample = (next: () => number) => {
  const upTo = (limit: number): number => Math.floor(next() * limit);
  const text = (): string => Array.from({ length: upTo(9) }, () => ["a", "é", "漢", "😀", "\0"][upTo(5)]).join("");
  const hex = (length: number): string => Array.from({ length }, () => upTo(16).toString(16)).join("");
  const id = (): string => `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`;
  const param = (): TypedParam => {
    const field = text();
    const edge = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)][upTo(5)] as number;
    const kinds: TypedParam[] = [
      { field, type: "int", value: edge },
      { field, type: "uint", value: Math.abs(edge) },
      { field, type: "llong", value: edge * 2 ** 20 },
      { field, type: "ullong", value: Number.MAX_SAFE_INTEGER - upTo(9) },
      { field, type: "double", value: next() },
      { field, type: "boolean", value: next() < 0.5 },
      { field, type: "string", value: text() },
    ];
    return kinds[upTo(kinds.length)] as TypedParam;
  };
  return {
    dom: { name: text(), uuid: id(), id: upTo(9) - 1 },
    params: Array.from({ length: upTo(9) }, param),
    name: next() < 0.5 ? undefined : text(),
    bytes: Uint8Array.from({ length: upTo(64) }, () => upTo(256)),
    size: upTo(Number.MAX_SAFE_INTEGER),
    long: -upTo(Number.MAX_SAFE_INTEGER),
    all: Array.from({ length: upTo(8) }, text),
  };
};

describe("XDR", () => {
  it("reads what it wrote, whatever the value", () => {
    const next = random(1);
    for (let i = 0; i < 500; i++) {
      const value = makeSample(next);
      const bytes = encoded(sample, value);
      expect(bytes.length % 4).toBe(0);
      expect(decode(sample, bytes)).toEqual({ value, rest: 0 });
    }
  });

  it("never fails in another way than XdrError on damaged bytes", () => {
    const next = random(2);
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const bytes = encoded(sample, makeSample(next));
      for (let hits = 1 + Math.floor(next() * 3); hits > 0; hits--) {
        bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
      }
      const cut = next() < 0.3 ? bytes.subarray(0, Math.floor(next() * bytes.length)) : bytes;
      try {
        decode(sample, cut);
      } catch (error) {
        expect(error).toBeInstanceOf(XdrError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });

  it("checks lengths before it allocates", () => {
    const lying = Buffer.from([0, 0, 0x40, 0]);
    expect(() => decode(array(int, 16_384), lying)).toThrow("more than the message holds");
    expect(() => decode(array(int, 16), lying)).toThrow("at most 16");
    expect(() => decode(opaque(2 ** 20), lying)).toThrow("more than the message holds");
    expect(() => decode(str, Buffer.from([0xff, 0xff, 0xff, 0xff]))).toThrow("at most 4194304");
  });

  it("is strict about padding, marks and ranges", () => {
    expect(() => decode(str, Buffer.from([0, 0, 0, 1, 65, 0, 1, 0]))).toThrow("padding");
    expect(() => decode(optional(int), Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]))).toThrow("presence");
    expect(() => decode(typedParam, Buffer.from([0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0]))).toThrow("type of a parameter");
    for (const bad of [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN]) expect(() => encoded(int, bad)).toThrow(XdrError);
    for (const bad of [-1, 2 ** 32, 0.5]) expect(() => encoded(uint, bad)).toThrow(XdrError);
    for (const bad of [-1, 2 ** 53, 0.5]) expect(() => encoded(size, bad)).toThrow(XdrError);
    expect(() => encoded(uuid, "no uuid")).toThrow(XdrError);
    expect(() => encoded(array(int, 2), [1, 2, 3])).toThrow(XdrError);
    expect(() => encoded(opaque(2), new Uint8Array(3))).toThrow(XdrError);
  });

  it("keeps sizes exact and lets counters round", () => {
    const writer = new XdrWriter(1);
    writer.uhyper(2n ** 53n + 1n);
    expect(() => decode(size, writer.done())).toThrow("too large");
    expect(decode(counter, writer.done()).value).toBe(2 ** 53);
    expect(decode(size, encoded(size, Number.MAX_SAFE_INTEGER)).value).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("writes the forms of the protocol", () => {
    const id = "00112233-4455-6677-8899-aabbccddeeff";
    expect(encoded(domain, { name: "abc", uuid: id.toUpperCase(), id: -1 }).toString("hex")).toBe(
      "00000003616263000011223344556677" + "8899aabbccddeeffffffffff",
    );
    expect(encoded(chars(4), "ab").toString("hex")).toBe("00000061000000620000000000000000");
    expect(decode(chars(4), encoded(chars(4), "ab")).value).toBe("ab");
    expect(() => encoded(chars(2), "ab")).toThrow(XdrError);
    const refusal = { code: 42, domain: 10, message: "gone", level: 2, int1: 0, int2: 0 };
    expect(decode(errorBody, encoded(errorBody, refusal)).value).toMatchObject(refusal);
  });

  it("grows while it writes", () => {
    const writer = new XdrWriter(1);
    for (let i = 0; i < 1000; i++) writer.int(i);
    const reader = new XdrReader(writer.done());
    for (let i = 0; i < 1000; i++) expect(reader.int()).toBe(i);
    expect(reader.remaining).toBe(0);
  });
});
