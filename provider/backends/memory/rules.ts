import type { Driver } from "../../core/driver.js";
import type { InputsOf, Kind, OutputsOf, Problem } from "../../core/kind.js";
import type { MemoryHost } from "./host.js";
import type { Stored, World } from "./world.js";

/** An edit of one object: what it becomes, what it was, and whether a start lies between. */
export interface Edit<K extends Kind> {
  readonly next: Stored<K>;
  readonly before: Stored<K> | undefined;
  readonly wanted: InputsOf<K>;
  readonly restart: boolean;
}

/** What is particular to one kind; the rest is the same for all (`driver.ts`). */
export interface Rules<K extends Kind> extends Pick<Driver<K, MemoryHost>, "support" | "effects"> {
  /** Objects in the same place are the same object. `undefined` when it is unknown, or not on the host. */
  place(world: World, properties: Partial<InputsOf<K>>): string | undefined;
  /** What a word means by which others refer to it: see `Driver.find`. */
  find?(world: World, word: string): Stored<K> | undefined;
  /** What the world objects to; parts of `wanted` that are not known yet are `undefined`. */
  problems(world: World, wanted: Partial<InputsOf<K>>, now: Stored<K> | undefined): readonly Problem[];
  /** Fills in what the host decides. */
  settle(world: World, edit: Edit<K>): Stored<K>;
  outputs(world: World, object: Stored<K>): Omit<OutputsOf<K>, "host">;
  /** Why it must not be removed, as a phrase; `undefined` when nothing stands against it. */
  needed(world: World, object: Stored<K>, declared: Partial<InputsOf<K>>): string | undefined;
}
