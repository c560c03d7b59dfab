import { FRAME_MAX, HEADER } from "./wire.js";

/**
 * Cuts a stream of bytes into frames, length field included. A frame that lies in one chunk is a view of it; only a
 * frame that spans chunks is copied, once.
 */
export class FrameSplitter {
  private chunks: Buffer[] = [];
  private held = 0;
  private wanted = 4;
  private sized = false;

  constructor(private readonly onFrame: (frame: Buffer) => void) {}

  /** Throws when the bytes cannot be a frame: nothing that follows can be trusted then. */
  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.held += chunk.length;
    while (this.held >= this.wanted) {
      const head = this.whole();
      if (!this.sized) {
        this.wanted = checked(head.readUInt32BE(0));
        this.sized = true;
        continue;
      }
      const rest = head.subarray(this.wanted);
      if (rest.length > 0) this.chunks[0] = rest;
      else this.chunks.shift();
      this.held -= this.wanted;
      const frame = head.subarray(0, this.wanted);
      this.wanted = 4;
      this.sized = false;
      this.onFrame(frame);
    }
  }

  /** A buffer that starts with all that is wanted. */
  private whole(): Buffer {
    const [head] = this.chunks;
    if (head !== undefined && head.length >= this.wanted) return head;
    const joined = Buffer.concat(this.chunks, this.held);
    this.chunks = [joined];
    return joined;
  }
}

const checked = (length: number): number => {
  if (length < HEADER || length > FRAME_MAX) throw new Error(`frame of ${length} bytes`);
  return length;
};
