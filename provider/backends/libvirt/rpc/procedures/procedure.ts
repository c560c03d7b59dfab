import { type Codec, nothing } from "../codec.js";
import { Program } from "../wire.js";

/** One call of the protocol. */
export interface Procedure<A, R> {
  /** `area.name`: what errors, counters and logs call it. */
  readonly name: string;
  readonly program: number;
  readonly number: number;
  readonly args: Codec<A>;
  readonly reply: Codec<R>;
  /** Starts QEMU, moves data or waits for a guest: seconds instead of a millisecond. At most two run at once. */
  readonly slow: boolean;
}

export type Definition<A, R> = Omit<Procedure<A, R>, "name">;
type Named<T> = { readonly [K in keyof T]: T[K] extends Definition<infer A, infer R> ? Procedure<A, R> : never };

/** A quick call of the main program. */
export const call = <A, R>(number: number, args: Codec<A>, reply: Codec<R>): Definition<A, R> => ({
  program: Program.remote,
  number,
  args,
  reply,
  slow: false,
});

/** A call without an answer. */
export const order = <A>(number: number, args: Codec<A>): Definition<A, void> => call(number, args, nothing);

/** The same call, marked as slow. */
export const slow = <A, R>(definition: Definition<A, R>): Definition<A, R> => ({ ...definition, slow: true });

/** The same call of the QEMU program. */
export const qemu = <A, R>(definition: Definition<A, R>): Definition<A, R> => ({
  ...definition,
  program: Program.qemu,
});

/** Names the procedures of one area after their keys. */
export const procedures = <T extends Readonly<Record<string, Definition<unknown, unknown>>>>(
  area: string,
  definitions: T,
): Named<T> =>
  Object.fromEntries(
    Object.entries(definitions).map(([key, definition]) => [key, { ...definition, name: `${area}.${key}` }]),
  ) as Named<T>;
