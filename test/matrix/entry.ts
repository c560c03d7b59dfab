import { checkFields } from "../../provider/core/check.js";
import { differences } from "../../provider/core/compare.js";
import type { Driver } from "../../provider/core/driver.js";
import type { Kind } from "../../provider/core/kind.js";
import { type KindName, kinds } from "../../provider/kinds/index.js";
import type { Words } from "../contract/fixture.js";
import { put } from "./paths.js";

/** What a declaration can refer to: real objects of a host, or names alone for a table without one. */
export interface Ground {
  /** Paths of volumes with a format of `qcow2`, 64 MiB; the first three are disks, all belong to nobody else. */
  readonly volumes: readonly string[];
  /** Paths of qcow2 files that no pool holds. */
  readonly files: readonly string[];
  readonly isos: readonly string[];
  /** Ids of networks with managed addressing, and their cidrs. */
  readonly networks: readonly string[];
  readonly cidrs: readonly string[];
  /** Bridges of the host. */
  readonly bridges: readonly string[];
  /** Ids of pools. */
  readonly pools: readonly string[];
  /** Local images, qcow2 of 64 MiB, and the SHA-256 of the first. */
  readonly sources: readonly string[];
  readonly sha256: string;
  /** Volumes to lie under others. */
  readonly bases: readonly string[];
  /** An absolute path of a directory that does not exist. */
  folder(name: string): string;
}

/** What a property is tried with. */
export interface Entry {
  /** The place in the declaration; a word in brackets tells several entries of one place apart. */
  readonly at: string;
  /** Words around it that are there all the time, over the kind's plain declaration. */
  readonly with?: Words;
  /** Words of a declaration without it. Default: it is taken out. */
  readonly absent?: Words;
  /** Two values that are not the default. */
  readonly values: readonly [unknown, unknown];
  /** A running guest has to release a device: nothing but a booted one does. */
  readonly guest?: boolean;
  /** It needs an object without a history: what a machine can grow to was decided when it was made. */
  readonly fresh?: boolean;
  /** States in which it is tried. Default: all of the kind. */
  readonly states?: readonly string[];
  /** Why no host here can carry it out, and which test proves it elsewhere: then only its plan is looked at. */
  readonly planOnly?: string;
}

export type Step = "added" | "changed" | "removed";
export const STEPS: readonly Step[] = ["added", "changed", "removed"];

/**
 * The declarations before and after each step of an entry: added, changed, removed again. Where the second value is the
 * default, the first one is removed, so that there is something to lose.
 */
export function stepsOf(kind: KindName, entry: Entry, plain: Words): Readonly<Record<Step, readonly [Words, Words]>> {
  const place = entry.at.split(" ")[0] ?? entry.at;
  const around = { ...plain, ...entry.with };
  const absent = entry.absent === undefined ? put(around, place, undefined) : { ...around, ...entry.absent };
  const [first, second] = entry.values.map((value) => put(around, place, value)) as [Words, Words];
  const last = different(kind, second, absent) ? second : first;
  return { added: [absent, first], changed: [first, second], removed: [last, absent] };
}

function different(kind: KindName, one: Words, other: Words): boolean {
  const { properties } = kinds[kind];
  const [a, b] = [one, other].map((words) => checkFields(properties, words).value);
  return differences(properties, a, b).length > 0;
}

/** A kind's table for the hosts of one backend. */
export interface Table {
  readonly kind: KindName;
  /** What plans on these hosts. */
  readonly driver: Driver<Kind, never>;
  /** Names in place of objects, for a look without a host. */
  readonly names: Ground;
  readonly states: readonly string[];
  /** A declaration to lay the rest over. `name` is another one for each object. */
  plain(ground: Ground, name: string): Words;
  /** The same in a state, as far as a declaration says it. */
  inState?(state: string): Words;
  /** What a host shows of a declaration in a state, over its words; `wanted` is what a change asks for. */
  shows(declared: Words, state: string, wanted: Words): Words;
  entries(ground: Ground, name: string): readonly Entry[];
}
