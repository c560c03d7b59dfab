import {
  array,
  type Codec,
  constant,
  counter,
  double,
  first,
  int,
  type Of,
  optional,
  signedCounter,
  str,
  struct,
  truth,
  uint,
  uuid,
} from "./codec.js";
import { XdrError } from "./xdr.js";

/** Most items of a list of domains, networks, pools, volumes, secrets or snapshots. */
export const LIST_MAX = 16_384;

export const text = optional(str);

/** A domain as the protocol names it. The UUID decides; `id` is -1 for one that does not run. */
export const domain = struct({ name: str, uuid, id: int });
export const network = struct({ name: str, uuid });
export const pool = struct({ name: str, uuid });
export const nwfilter = struct({ name: str, uuid });
/** `pool` is the pool's name; `key` is unique on the host (the path, for pools of files). */
export const volume = struct({ pool: str, name: str, key: str });
export const secret = struct({ uuid, usageType: int, usageID: str });
export const nodeDevice = struct({ name: str });

/** A snapshot of a domain; its name is unique there. */
export const snapshot = struct({ name: str, dom: domain });

export type DomainRef = Of<typeof domain>;
export type NetworkRef = Of<typeof network>;
export type PoolRef = Of<typeof pool>;
export type NwfilterRef = Of<typeof nwfilter>;
export type VolumeRef = Of<typeof volume>;
export type SecretRef = Of<typeof secret>;

/** The reference of a domain whose name and UUID are known from elsewhere; no call is needed to make one. */
export const domainRef = (name: string, id: string): DomainRef => ({ name, uuid: id, id: -1 });

/** One value of a list of typed parameters. 64-bit values are read as the nearest number. */
export type TypedParam =
  | { readonly field: string; readonly type: "int" | "uint" | "llong" | "ullong" | "double"; readonly value: number }
  | { readonly field: string; readonly type: "boolean"; readonly value: boolean }
  | { readonly field: string; readonly type: "string"; readonly value: string };

const arms: Readonly<Record<TypedParam["type"], { mark: number; codec: Codec<unknown> }>> = {
  int: { mark: 1, codec: int },
  uint: { mark: 2, codec: uint },
  llong: { mark: 3, codec: signedCounter },
  ullong: { mark: 4, codec: counter },
  double: { mark: 5, codec: double },
  boolean: { mark: 6, codec: truth },
  string: { mark: 7, codec: str },
};
const byMark = new Map(Object.entries(arms).map(([type, { mark, codec }]) => [mark, { type, codec }]));

export const typedParam: Codec<TypedParam> = {
  write: (w, { field, type, value }) => {
    const arm = arms[type];
    str.write(w, field);
    w.int(arm.mark);
    (arm.codec as Codec<unknown>).write(w, value);
  },
  read: (r) => {
    const field = str.read(r);
    const mark = r.int();
    const arm = byMark.get(mark);
    if (arm === undefined) throw new XdrError(`${mark} is no type of a parameter`);
    return { field, type: arm.type, value: (arm.codec as Codec<unknown>).read(r) } as TypedParam;
  },
};

/** Typed parameters as a plain object: field to value. */
export const byField = (params: readonly TypedParam[]): Readonly<Record<string, number | boolean | string>> =>
  Object.fromEntries(params.map(({ field, value }) => [field, value]));

/** Flags of a call; left out means 0. */
export const flags: Codec<number | undefined> = { write: (w, v) => w.uint(v ?? 0), read: (r) => r.uint() };

/** `needResults` of the list calls: 1 returns everything in one call. */
export const needResults = constant(int, 1);

/** A list followed by its length, which is dropped. */
export const listOf = <T>(item: Codec<T>, max = LIST_MAX): Codec<readonly T[]> =>
  first(array(item, max), constant(uint, 0));

/** A C `char[length]`, which the protocol sends as one int for each character; ends at the first zero. */
export const chars = (length: number): Codec<string> => ({
  write: (w, v) => {
    const bytes = Buffer.from(v, "utf8");
    if (bytes.length >= length) throw new XdrError(`${bytes.length} characters where ${length - 1} are allowed`);
    for (let i = 0; i < length; i++) w.int(bytes[i] ?? 0);
  },
  read: (r) => {
    const bytes = Buffer.from(Array.from({ length }, () => r.int() & 0xff));
    const end = bytes.indexOf(0);
    return bytes.toString("utf8", 0, end < 0 ? length : end);
  },
});

/** The body of every error. */
export const errorBody = struct({
  code: int,
  domain: int,
  message: text,
  level: int,
  dom: optional(domain),
  str1: text,
  str2: text,
  str3: text,
  int1: int,
  int2: int,
  net: optional(network),
});

/** The body of a hole in a sparse stream. */
export const holeBody = struct({ length: signedCounter, flags: constant(uint, 0) });
