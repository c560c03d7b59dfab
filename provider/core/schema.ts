/**
 * The worst that a change of a property does to what exists: `live` changes it while it runs, `restart` stops and
 * starts it (a virtual machine or a network), `replace` deletes it and makes a new one.
 */
export type Effect = "live" | "restart" | "replace";

/** What a face and a check need to know of a property's type. */
export type Shape =
  | { readonly type: "text" }
  | { readonly type: "integer"; readonly min?: number; readonly max?: number }
  | { readonly type: "flag" }
  /** Written as a whole number of bytes or as text with a unit (`"2GiB"`); kept as a number of bytes. */
  | { readonly type: "bytes"; readonly min?: number; readonly multipleOf?: number }
  /** Written as a number of seconds or as text with a unit (`"5m"`); kept as a number of seconds. */
  | { readonly type: "seconds"; readonly min?: number; readonly max?: number }
  | { readonly type: "choice"; readonly values: readonly string[] }
  | { readonly type: "list"; readonly items: AnyProperty; readonly key?: ListKey }
  | { readonly type: "map"; readonly values: AnyProperty }
  | { readonly type: "object"; readonly fields: Properties };

/**
 * How the elements of a list are told apart: by a field, whose default is `prefix` and the place in the list. With an
 * empty prefix it has no default.
 */
export interface ListKey {
  readonly field: string;
  readonly prefix: string;
}

/** What every property may say about itself. */
export interface About<Out> {
  /** What it means, with unit and range. Shown to users by every face. */
  readonly doc: string;
  /** The general effect of a change. A backend may know better: see `Driver.effects`. Default `live`. */
  readonly onChange?: Effect;
  /** Never printed; kept encrypted by the face. Default false. */
  readonly secret?: boolean;
  /** Taking it out of the declaration leaves the value alone instead of resetting it. Default false. */
  readonly keep?: boolean;
  /** Says something about how to act, not about what exists, so a backend does not observe it. Default false. */
  readonly policy?: boolean;
  /**
   * The host cannot say it (in the words of the declaration): what was declared last is taken to be so, unless the
   * driver observes `null`, which means that it is surely not there. Default false.
   */
  readonly unobserved?: boolean;
  /** A resource of this kind may be given; its output is taken. */
  readonly reference?: {
    readonly kind: string;
    readonly output: string;
    /** The field beside it that takes the same value where no such resource is meant. */
    readonly otherwise?: string;
  };
  /** Never declared, it is what this other property is when the resource is made. */
  readonly follows?: string;
  /** Two different valid values: the contract suite writes the first and changes to the second. */
  readonly examples?: readonly [unknown, unknown];
  /** A sentence fragment that says what is wrong with a well-typed value ("must …"), or `undefined`. */
  check?(value: Out): string | undefined;
}

/**
 * One property of a kind: the single source for types, checks, plans, every face's schema and the documentation.
 * `In` is what a user writes, `Out` its normal form.
 */
export interface Property<In, Out, Required extends boolean> extends About<Out> {
  readonly shape: Shape;
  readonly required: Required;
  readonly default?: In;
  /** Only for inference; never present. */
  readonly written?: In;
  readonly normal?: Out;
}

export type AnyProperty = Property<unknown, unknown, boolean>;
export type Properties = Readonly<Record<string, AnyProperty>>;

type In<P> = P extends Property<infer I, unknown, boolean> ? I : never;
type Out<P> = P extends { readonly normal?: infer O } ? Exclude<O, undefined> : never;
type Has<P, K extends string> = P extends Readonly<Record<K, infer D>> ? (undefined extends D ? false : true) : false;
type RequiredKeys<P extends Properties> = {
  [K in keyof P]: P[K]["required"] extends true ? K : never;
}[keyof P];
type SettledKeys<P extends Properties> = {
  [K in keyof P]: P[K]["required"] extends true ? K : Has<P[K], "default"> extends true ? K : never;
}[keyof P];

/** What a user writes. */
export type Written<P extends Properties> = { [K in RequiredKeys<P>]: In<P[K]> } & {
  [K in Exclude<keyof P, RequiredKeys<P>>]?: In<P[K]> | undefined;
};
/** The normal form: units converted, defaults filled in. */
export type Normal<P extends Properties> = { [K in SettledKeys<P>]: Out<P[K]> } & {
  [K in Exclude<keyof P, SettledKeys<P>>]?: Out<P[K]> | undefined;
};

type Options<I, O> = About<O> & { readonly required?: boolean; readonly default?: I };
type Made<I, O, A> = Property<I, O, A extends { readonly required: true } ? true : false> &
  (A extends { readonly default: unknown } ? { readonly default: I } : unknown);

const make = <I, O, A>(shape: Shape, about: A): Made<I, O, A> =>
  ({ required: false, ...about, shape }) as unknown as Made<I, O, A>;

export const text = <const A extends Options<string, string>>(about: A) =>
  make<string, string, A>({ type: "text" }, about);

export const integer = <const A extends Options<number, number> & { readonly min?: number; readonly max?: number }>(
  about: A,
) => make<number, number, A>({ type: "integer", ...bounds(about) }, about);

export const flag = <const A extends Options<boolean, boolean>>(about: A) =>
  make<boolean, boolean, A>({ type: "flag" }, about);

export const bytes = <
  const A extends Options<number | string, number> & { readonly min?: number; readonly multipleOf?: number },
>(
  about: A,
) =>
  make<number | string, number, A>(
    { type: "bytes", ...bounds(about), ...(about.multipleOf === undefined ? {} : { multipleOf: about.multipleOf }) },
    about,
  );

export const seconds = <
  const A extends Options<number | string, number> & { readonly min?: number; readonly max?: number },
>(
  about: A,
) => make<number | string, number, A>({ type: "seconds", ...bounds(about) }, about);

export const choice = <const V extends readonly string[], const A extends Options<V[number], V[number]>>(
  values: V,
  about: A,
) => make<V[number], V[number], A>({ type: "choice", values }, about);

export const list = <I, O, const A extends Options<readonly I[], readonly O[]> & { readonly key?: ListKey }>(
  items: Property<I, O, boolean>,
  about: A,
) =>
  make<readonly I[], readonly O[], A>(
    { type: "list", items, ...(about.key === undefined ? {} : { key: about.key }) },
    about,
  );

export const map = <I, O, const A extends Options<Readonly<Record<string, I>>, Readonly<Record<string, O>>>>(
  values: Property<I, O, boolean>,
  about: A,
) => make<Readonly<Record<string, I>>, Readonly<Record<string, O>>, A>({ type: "map", values }, about);

export const object = <const P extends Properties, const A extends Options<Written<P>, Normal<P>>>(
  fields: P,
  about: A,
) => make<Written<P>, Normal<P>, A>({ type: "object", fields }, about);

const bounds = (about: { readonly min?: number; readonly max?: number }) => ({
  ...(about.min === undefined ? {} : { min: about.min }),
  ...(about.max === undefined ? {} : { max: about.max }),
});
