import type { Effect, Normal, Properties, Written } from "./schema.js";

/** What is wrong with a declaration. `path` points into it: `networks[0].mac`. */
export interface Problem {
  readonly path: string;
  /** What is wrong and what to do, as a phrase: "must be at least 1MiB". */
  readonly reason: string;
}

/** A kind of resource: what it is, never how a hypervisor does it. */
export interface Kind<N extends string = string, P extends Properties = Properties, O extends Properties = Properties> {
  /** Class name in every face. */
  readonly name: N;
  /** The words used in sentences: "virtual machine". */
  readonly title: string;
  readonly doc: string;
  readonly properties: P;
  readonly outputs: O;
  /** What spans properties. Values that are not known yet are `undefined` under their key, so a rule objects only to what it can see. */
  rules?(declared: Partial<Normal<P>>): readonly Problem[];
  /**
   * Why two declared resources of this kind cannot be on one host together, as problems of `mine`; `who` names the other
   * one. Values that are not known yet are `undefined`.
   */
  clash?(mine: Partial<Normal<P>>, other: Partial<Normal<P>>, who: string): readonly Problem[];
  /** Why the declaration's own policy forbids an effect, with the remedy; `undefined` when it allows it. */
  forbids?(effect: Effect, declared: Partial<Normal<P>>): string | undefined;
}

export const kind = <const N extends string, const P extends Properties, const O extends Properties>(
  k: Kind<N, P, O>,
): Kind<N, P, O> => k;

export type PropertiesOf<K> = K extends Kind<string, infer P, Properties> ? P : never;
export type PropertyOf<K> = keyof PropertiesOf<K> & string;
/** What a user writes. */
export type WrittenOf<K> = K extends Kind<string, infer P, Properties> ? Written<P> : never;
/** Checked inputs in their normal form. */
export type InputsOf<K> = K extends Kind<string, infer P, Properties> ? Normal<P> : never;
export type OutputsOf<K> = K extends Kind<string, Properties, infer O> ? Normal<O> : never;
