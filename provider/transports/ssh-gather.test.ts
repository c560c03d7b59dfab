import { once } from "node:events";
import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { gather } from "./ssh-gather.js";

/** A stream that remembers which pieces came at once, and takes one lot at a time. */
function recorder(): { readonly stream: Writable; readonly lots: string[] } {
  const lots: string[] = [];
  const take = (pieces: readonly unknown[], done: () => void): void => {
    lots.push(pieces.map(String).join(" "));
    setImmediate(done);
  };
  const stream = new Writable({
    highWaterMark: 16,
    write: (piece, _encoding, done) => take([piece], done),
    writev: (pieces, done) =>
      take(
        pieces.map(({ chunk }) => chunk),
        done,
      ),
  });
  gather(stream);
  return { stream, lots };
}

describe("gathering", () => {
  it("writes the pieces of one turn at once, and those of the next after them", async () => {
    const { stream, lots } = recorder();
    for (const piece of ["a", "b", "c"]) stream.write(piece);
    await new Promise(setImmediate);
    for (const piece of ["d", "e"]) stream.write(piece);
    stream.end("f");
    await once(stream, "finish");
    expect(lots).toEqual(["a b c", "d e f"]);
  });

  it("keeps the back-pressure", async () => {
    const { stream, lots } = recorder();
    expect(stream.write("short")).toBe(true);
    expect(stream.write("longer than the mark")).toBe(false);
    await once(stream, "drain");
    expect(lots).toEqual(["short longer than the mark"]);
  });

  it("writes nothing more on a stream that was destroyed in the same turn", async () => {
    const { stream, lots } = recorder();
    stream.write("a");
    stream.destroy();
    await once(stream, "close");
    expect(lots).toEqual([]);
  });
});
