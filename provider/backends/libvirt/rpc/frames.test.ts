import { describe, expect, it } from "vitest";
import { frameOf, pingHeader } from "../../../../test/rpc/scripted-peer.js";
import { FrameSplitter } from "./frames.js";
import { FRAME_MAX } from "./wire.js";

const frame = (length: number): Buffer => frameOf(pingHeader, Buffer.alloc(length, length & 0xff));

describe("FrameSplitter", () => {
  it("finds the same frames wherever the bytes are cut", () => {
    const frames = [0, 1, 4, 100, 3].map(frame);
    const bytes = Buffer.concat(frames);
    for (let step = 1; step <= bytes.length; step++) {
      const found: Buffer[] = [];
      const splitter = new FrameSplitter((one) => found.push(Buffer.from(one)));
      for (let at = 0; at < bytes.length; at += step) splitter.push(bytes.subarray(at, at + step));
      expect(found).toEqual(frames);
    }
  });

  it("copies nothing when a frame lies in one chunk", () => {
    const bytes = Buffer.concat([frame(8), frame(16)]);
    const found: Buffer[] = [];
    new FrameSplitter((one) => found.push(one)).push(bytes);
    expect(found.map((one) => one.buffer)).toEqual([bytes.buffer, bytes.buffer]);
    expect(found.map((one) => one.byteOffset - bytes.byteOffset)).toEqual([0, 36]);
  });

  it("refuses lengths that no frame has, before the rest arrives", () => {
    for (const length of [0, 27, FRAME_MAX + 1, 0xffff_ffff]) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(length);
      const splitter = new FrameSplitter(() => expect.fail("there is no frame"));
      expect(() => splitter.push(bytes)).toThrow(`frame of ${length} bytes`);
    }
  });
});
