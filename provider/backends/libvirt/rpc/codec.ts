import { XdrError, type XdrReader, type XdrWriter } from "./xdr.js";

/** How one type is written and read. Both throw `XdrError`. */
export interface Codec<T> {
  write(writer: XdrWriter, value: T): void;
  read(reader: XdrReader): T;
}

/** A value that the caller never gives and never sees: it is left out of the type of a `struct`. */
export interface Constant extends Codec<unknown> {
  readonly constant: true;
}

/** The TypeScript type of a codec. */
export type Of<C> = C extends Codec<infer T> ? T : never;

type Shape = Readonly<Record<string, Codec<unknown>>>;
type Simplify<T> = { [K in keyof T]: T[K] };
type Given<S> = { [K in keyof S as S[K] extends Constant ? never : K]: Of<S[K]> };
/** The type of a struct of that shape: without its constants, and what may be undefined may be left out. */
export type Fields<S> = Simplify<
  { readonly [K in keyof Given<S> as undefined extends Given<S>[K] ? never : K]: Given<S>[K] } & {
    readonly [K in keyof Given<S> as undefined extends Given<S>[K] ? K : never]?: Given<S>[K] | undefined;
  }
>;

/** String limit of the protocol, bytes of UTF-8. */
export const STRING_MAX = 4_194_304;

const whole = (value: bigint): number => {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new XdrError(`${value} is too large for an exact number`);
  return number;
};
const big = (value: number): bigint => {
  if (!Number.isSafeInteger(value)) throw new XdrError(`${value} is no exact whole number`);
  return BigInt(value);
};

export const int: Codec<number> = { write: (w, v) => w.int(v), read: (r) => r.int() };
export const uint: Codec<number> = { write: (w, v) => w.uint(v), read: (r) => r.uint() };
export const double: Codec<number> = { write: (w, v) => w.double(v), read: (r) => r.double() };

/** Unsigned 64 bit as an exact number: sizes in bytes or KiB. Above 2^53 - 1 (8 PiB in bytes) it is an `XdrError`. */
export const size: Codec<number> = { write: (w, v) => w.uhyper(big(v)), read: (r) => whole(r.uhyper()) };

/** Signed 64 bit as an exact number, within ±(2^53 - 1). */
export const long: Codec<number> = { write: (w, v) => w.hyper(big(v)), read: (r) => whole(r.hyper()) };

/**
 * Unsigned 64 bit of a counter that may pass 2^53 (nanoseconds of CPU time do so after 104 days): the nearest number.
 * Such a value is read only.
 */
export const counter: Codec<number> = { write: (w, v) => w.uhyper(big(v)), read: (r) => Number(r.uhyper()) };

/** As `counter`, signed; -1 stands for "not known" in libvirt's statistics. */
export const signedCounter: Codec<number> = { write: (w, v) => w.hyper(big(v)), read: (r) => Number(r.hyper()) };

/** A C int that means yes or no: written as 0 or 1, any other number reads as yes. */
export const truth: Codec<boolean> = { write: (w, v) => w.int(v ? 1 : 0), read: (r) => r.int() !== 0 };

/** UTF-8 text. */
export const str: Codec<string> = {
  write: (w, v) => w.bytes(Buffer.from(v, "utf8"), STRING_MAX),
  read: (r) => r.bytes(STRING_MAX).toString("utf8"),
};

/** Bytes, at most `max`; read as a copy, so that the message can be freed. */
export const opaque = (max: number): Codec<Uint8Array> => ({
  write: (w, v) => w.bytes(v, max),
  read: (r) => new Uint8Array(r.bytes(max)),
});

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Sixteen bytes on the wire; here the usual form of 36 characters in lower case. */
export const uuid: Codec<string> = {
  write: (w, v) => {
    if (!UUID.test(v)) throw new XdrError(`"${v}" is no UUID`);
    w.fixed(Buffer.from(v.replaceAll("-", ""), "hex"), 16);
  },
  read: (r) =>
    r
      .fixed(16)
      .toString("hex")
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
};

/** An XDR optional: absent is `undefined` when read; `null` is accepted too when written. */
export const optional = <T>(item: Codec<T>): Codec<T | undefined> => ({
  write: (w, v) => {
    const present = v !== undefined && v !== null;
    w.uint(present ? 1 : 0);
    if (present) item.write(w, v);
  },
  read: (r) => {
    const present = r.uint();
    if (present > 1) throw new XdrError(`${present} is no presence mark`);
    return present === 1 ? item.read(r) : undefined;
  },
});

/** A list of at most `max` items. Every item of this protocol takes at least four bytes. */
export const array = <T>(item: Codec<T>, max: number): Codec<readonly T[]> => ({
  write: (w, v) => {
    if (v.length > max) throw new XdrError(`${v.length} items where at most ${max} are allowed`);
    w.uint(v.length);
    for (const one of v) item.write(w, one);
  },
  read: (r) => {
    const items: T[] = [];
    for (let left = r.count(max, 4); left > 0; left--) items.push(item.read(r));
    return items;
  },
});

/** Fields in wire order. */
export const struct = <S extends Shape>(shape: S): Codec<Fields<S>> => {
  const fields = Object.entries(shape) as [string, Codec<unknown> & Partial<Constant>][];
  return {
    write: (w, v) => {
      const values = v as Record<string, unknown>;
      for (const [key, codec] of fields) codec.write(w, values[key]);
    },
    read: (r) => {
      const values: Record<string, unknown> = {};
      for (const [key, codec] of fields) {
        const value = codec.read(r);
        if (codec.constant !== true) values[key] = value;
      }
      return values as Fields<S>;
    },
  };
};

/** A field that is always written as `value`; what is read there is dropped. */
export const constant = <T>(codec: Codec<T>, value: T): Constant => ({
  constant: true,
  write: (w) => codec.write(w, value),
  read: (r) => codec.read(r),
});

/** The first field of a struct, alone: for answers that carry the number of items once more behind the list. */
export const first = <T>(item: Codec<T>, rest: Constant): Codec<T> => ({
  write: (w, v) => {
    item.write(w, v);
    rest.write(w, undefined);
  },
  read: (r) => {
    const value = item.read(r);
    rest.read(r);
    return value;
  },
});

/** No bytes at all. */
export const nothing: Codec<void> = { write: () => {}, read: () => undefined };
