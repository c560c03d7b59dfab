/** A value that does not fit its wire type, or bytes that are not a value of it. RFC 4506 is the source of the format. */
export class XdrError extends Error {
  override readonly name = "XdrError";
}

const padding = (length: number): number => (4 - (length & 3)) & 3;

/** Appends values in XDR form (big endian, every item padded with zeros to four bytes). */
export class XdrWriter {
  private buffer: Buffer;
  private length = 0;

  /** `capacity` is a first guess in bytes; the buffer grows as needed. */
  constructor(capacity = 256) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  int(value: number): void {
    if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0x7fff_ffff)
      throw new XdrError(`${value} is no int`);
    const at = this.grow(4);
    this.buffer.writeInt32BE(value, at);
  }

  uint(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw new XdrError(`${value} is no unsigned int`);
    const at = this.grow(4);
    this.buffer.writeUInt32BE(value, at);
  }

  hyper(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new XdrError(`${value} is no hyper`);
    const at = this.grow(8);
    this.buffer.writeBigInt64BE(value, at);
  }

  uhyper(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw new XdrError(`${value} is no unsigned hyper`);
    const at = this.grow(8);
    this.buffer.writeBigUInt64BE(value, at);
  }

  double(value: number): void {
    const at = this.grow(8);
    this.buffer.writeDoubleBE(value, at);
  }

  /** Bytes of a length that both sides know. */
  fixed(bytes: Uint8Array, length: number): void {
    if (bytes.length !== length) throw new XdrError(`${bytes.length} bytes where ${length} are needed`);
    const pad = padding(length);
    const at = this.grow(length + pad);
    this.buffer.set(bytes, at);
    this.buffer.fill(0, at + length, at + length + pad);
  }

  /** Bytes with their length in front, at most `max`. */
  bytes(bytes: Uint8Array, max: number): void {
    if (bytes.length > max) throw new XdrError(`${bytes.length} bytes where at most ${max} are allowed`);
    this.uint(bytes.length);
    this.fixed(bytes, bytes.length);
  }

  /** What was written so far; valid until the next write. */
  done(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private grow(count: number): number {
    const at = this.length;
    if (at + count > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, at + count));
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    this.length = at + count;
    return at;
  }
}

/** Reads values in XDR form. Strict: padding must be zero, lengths are checked before anything is allocated. */
export class XdrReader {
  constructor(
    private readonly buffer: Buffer,
    private offset = 0,
  ) {}

  /** Bytes that were not read yet. */
  get remaining(): number {
    return this.buffer.length - this.offset;
  }

  int(): number {
    return this.buffer.readInt32BE(this.take(4));
  }

  uint(): number {
    return this.buffer.readUInt32BE(this.take(4));
  }

  hyper(): bigint {
    return this.buffer.readBigInt64BE(this.take(8));
  }

  uhyper(): bigint {
    return this.buffer.readBigUInt64BE(this.take(8));
  }

  double(): number {
    return this.buffer.readDoubleBE(this.take(8));
  }

  /** Bytes of a length that both sides know: a view, no copy. */
  fixed(length: number): Buffer {
    const at = this.take(length);
    const pad = padding(length);
    const end = this.take(pad);
    for (let i = 0; i < pad; i++) if (this.buffer[end + i] !== 0) throw new XdrError("padding is not zero");
    return this.buffer.subarray(at, at + length);
  }

  /** Bytes with their length in front, at most `max`: a view, no copy. */
  bytes(max: number): Buffer {
    return this.fixed(this.count(max));
  }

  /** Number of items of at least `smallest` bytes each; refused when above `max` or more than the rest can hold. */
  count(max: number, smallest = 1): number {
    const count = this.uint();
    if (count > max) throw new XdrError(`length ${count} where at most ${max} is allowed`);
    if (count * smallest > this.remaining) throw new XdrError(`length ${count} is more than the message holds`);
    return count;
  }

  private take(count: number): number {
    const at = this.offset;
    if (at + count > this.buffer.length)
      throw new XdrError(`message ends ${at + count - this.buffer.length} bytes early`);
    this.offset = at + count;
    return at;
  }
}
